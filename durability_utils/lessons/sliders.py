"""A picture with sliders."""

from base64 import b64encode
from collections.abc import Callable
from html import escape

from ipywidgets import HTML, VBox
from ipywidgets.widgets.widget_description import DescriptionWidget
from matplotlib.figure import Figure

from durability_utils.results import png


def with_sliders(draw: Callable[..., Figure], **sliders: DescriptionWidget) -> VBox:
    """The sliders above the picture that `draw` makes of their values, drawn anew when one is let go.

    sliders: by the name of the argument of `draw`. The picture is a widget: `ipywidgets.interact` would catch the
    output of `draw`, which now and then stops a notebook for ever where it is run without JupyterLab (nbconvert,
    papermill). It is one of HTML, since an image widget has no words for who does not see it.
    """
    picture = HTML()

    def redraw(_change=None) -> None:
        figure = draw(**{name: slider.value for name, slider in sliders.items()})
        picture.value = (f'<img alt="{escape(figure.get_suptitle())}" width="{round(96 * figure.get_figwidth())}" '
                         f'src="data:image/png;base64,{b64encode(png(figure)).decode()}">')

    for name, slider in sliders.items():
        slider.description, slider.continuous_update = slider.description or name.replace("_", " "), False
        slider.style.description_width = "initial"
        slider.observe(redraw, "value")
    redraw()
    return VBox([*sliders.values(), picture])
