"""Where the project's files lie, and reading of YAML files, with errors that name file, line or key."""

import difflib
import textwrap
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, WrapValidator
from yaml.constructor import ConstructorError

from durability_utils.study.errors import InputError

PROJECT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, which YAML would silently resolve to the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(None, None, "a key that is a list or mapping", key.start_mark)
            if key.value in seen:
                raise ConstructorError(None, None, f"the key '{key.value}' stands there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # 2016-06-31 looks like a date to YAML, and is none
            raise ConstructorError(None, None, f"'{node.value}': {error}", node.start_mark) from None


class _TextLoader(_Loader):
    """The same, with every scalar left as text: `no` stays no, `01` stays 01."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own name and type)


def read_yaml(path: Path, text_only: bool = False) -> dict:
    """The mapping in a YAML file, with `text_only` of texts as written; InputError if absent, no YAML or no mapping."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _TextLoader if text_only else _Loader)
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such file in {path.parent.name or '.'}/") from None
    except (OSError, UnicodeDecodeError) as error:
        why = "it is a folder" if path.is_dir() else getattr(error, "strerror", "") or "it has bytes that are no UTF-8"
        raise InputError(f"{path.name}: cannot be read as a UTF-8 text file: {why}") from None
    except RecursionError:
        raise InputError(f"{path.name}: nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path.name}{where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: expected `key: value` lines, found {_KINDS.get(type(content), 'a value')}")
    return content


class FileModel(BaseModel):
    """What a mapping in a YAML file may hold: nothing unknown, nothing converted, and no `key:` without a value.

    A field that may be left out has a default, which may be None. What a message says was expected is the text of a
    validator's ValueError, else the field's description, else its type in words.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def holds(check, expected: str = "") -> AfterValidator:
    """Refuses a value for which `check` is not true; where `expected` is not given, the field's description says it."""
    def validate(value):
        if not check(value):
            raise ValueError(expected)
        return value
    return AfterValidator(validate)


Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False),
                   WrapValidator(lambda value, check: (check(value), value)[1])]  # a whole number stays one
# what is expected where no description says more
_WORDS = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
          "object": "`key: value` lines", "array": "a list", "date": "a day as YYYY-MM-DD", "path": "a path"}
_KINDS = {type(None): "nothing", str: "a text without keys", list: "a list"}


def read_checked(kind, path: Path, text_only: bool = False):
    """The content of a YAML file as `kind`: a FileModel or a mapping of them, with the file's folder as context.

    Raises InputError as `read_yaml`, and for the first of the file's keys under which something is wrong.
    """
    content, adapter = read_yaml(path, text_only), TypeAdapter(kind)
    try:
        return adapter.validate_python(content, context=path.parent)
    except ValidationError as error:
        order = {name: at for at, name in enumerate(content)}
        first = min(error.errors(), key=lambda wrong: (  # an unknown key before the missing one that it may stand for
            order.get(wrong["loc"][0], len(order)), wrong["type"] == "missing"))
    raise InputError(f"{path.name}: {_sentence(first, adapter.json_schema())}")


def _sentence(wrong: dict, schema: dict) -> str:
    kind, loc = wrong["type"], list(wrong["loc"])
    if kind in ("extra_forbidden", "unexpected_keyword_argument", "invalid_key"):
        unknown = str(wrong["input"] if kind == "invalid_key" else loc[-1])
        known = list(_declared(loc[:-1], schema)[1]["properties"])
        close = difflib.get_close_matches(unknown, known, 1)
        return f"{_keys(loc[:-1])}unknown key '{unknown}'; " + (
            f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}")
    if loc[-1] == "[key]":  # of a key itself, as a service's id, its mapping says what is expected
        loc = loc[:-2]
    expected, declared = _declared(loc, schema)
    expected = (str(wrong.get("ctx", {}).get("error", "")) or expected or " or ".join(declared.get("enum", ()))
                or _WORDS[declared.get("format") or declared["type"]])
    if kind == "missing":
        return f"{_keys(loc[:-1])}the key '{loc[-1]}' is missing; expected {expected}"
    return f"{_keys(loc)}found {_shown(wrong['input'])}, expected {expected}"


def _keys(loc: list) -> str:
    return "".join(f"{step}: " for step in loc if isinstance(step, str))  # a number is a place in a list


def _declared(loc: list, schema: dict) -> tuple[str, dict]:
    """What a JSON schema says of a place: its description, or that of the mapping or list around it; its schema."""
    definitions, description = schema.get("$defs", {}), ""
    for step in loc:
        fields = schema.get("properties")
        schema = fields[step] if fields else schema.get("additionalProperties") or schema.get("items") or {}
        description = schema.get("description", "" if fields else description)
        schema = schema.get("anyOf", [schema])[0]  # X of `X | None`
        schema = definitions.get(schema.get("$ref", "").rpartition("/")[2], schema)
    return description, schema


def _shown(value) -> str:
    """A value as it would stand in a YAML file on one line, its end cut off where it is long."""
    if value is None or isinstance(value, str):
        return "nothing" if value is None else repr(value if len(value) <= 100 else f"{value[:96]} ...")
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True).removesuffix("...\n")
    return textwrap.shorten(text, 100, placeholder=" ...")
