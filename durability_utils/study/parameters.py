"""Where the project's files lie, and reading of YAML files, with errors that name file and line."""

from pathlib import Path

import yaml

from durability_utils.study.errors import InputError

PROJECT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, which YAML would silently resolve to the last."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is a list or mapping", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # 2016-06-31 looks like a date to YAML, and is none
            problem = f"'{node.value}': {error}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


class _TextLoader(_Loader):
    """The same, with every scalar left as text: `no` stays no, `01` stays 01."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own name and type)


def read_yaml(path: Path, text_only: bool = False) -> dict:
    """The mapping in a YAML file; with `text_only` every scalar is text as written.

    Raises InputError where the file is absent, is no YAML, or does not hold a mapping.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), _TextLoader if text_only else _Loader)
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such file in {path.parent.name or '.'}/") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: cannot be read as a UTF-8 text file ({type(error).__name__})") from None
    except RecursionError:
        raise InputError(f"{path.name}: nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path.name}{where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name}: expected `key: value` lines, found {type(content).__name__}")
    return content
