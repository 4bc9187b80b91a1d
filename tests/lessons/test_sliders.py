"""A slider that is moved draws anew, a picture in the place of the one before. Oracle: what `draw` was called with."""

from ipywidgets import FloatSlider, IntSlider

from durability_utils.figures import add_caption, new_figure
from durability_utils.lessons.sliders import with_sliders


def test_draws_at_once_and_whenever_a_slider_is_let_go():
    drawn = []

    def draw(share, cut_off):
        drawn.append((share, cut_off))
        figure, axes = new_figure(4 + cut_off, 3)
        axes.plot([0, share])
        return add_caption(figure, "Share & cut-off", "No data.")

    share, cut_off = FloatSlider(0.5, min=0, max=1), IntSlider(2, min=0, max=9)
    box = with_sliders(draw, share=share, cut_off=cut_off)
    picture = box.children[-1]
    before = picture.value
    assert before.startswith(f'<img alt="Share &amp; cut-off" width="{96 * 6}" src="data:image/png;base64,iVBORw0KGgo')
    cut_off.value = 3
    share.value = 0.25
    assert drawn == [(0.5, 2), (0.5, 3), (0.25, 3)]
    assert picture.value != before and f'width="{96 * 7}"' in picture.value


def test_sliders_are_named_by_their_argument_and_wait_until_let_go():
    named, unnamed = IntSlider(description="patients"), IntSlider()
    with_sliders(lambda n, cut_off: new_figure(4, 3)[0], n=named, cut_off=unnamed)
    assert [slider.description for slider in (named, unnamed)] == ["patients", "cut off"]
    assert not named.continuous_update and not unnamed.continuous_update
