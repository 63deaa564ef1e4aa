"""The page's Gradio components, their layout and events. :mod:`squadron.web.render` makes the HTML that shows data,
:mod:`squadron.experiments.playground` answers questions and reads runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from squadron.decoding.strategies import ALL, STRATEGIES
from squadron.errors import SquadronError, command_line_text
from squadron.experiments.playground import MOST_MODELS, Playground
from squadron.languages import WRITING, Language
from squadron.reporting.charts.theme import FONT
from squadron.runs.board import NO_METRICS, Board, Curves, read_curves
from squadron.visible import escaped
from squadron.web import render
from squadron.web.curves import f1_chart, loss_chart
from squadron.web.words import Words, page_words

CSS = Path(__file__).parent / "style.css"
_STRATEGIES = sorted(STRATEGIES, key=lambda name: (STRATEGIES[name].sample, STRATEGIES[name].beams))
"""All strategies, deterministic ones first; the table has this order, whatever order they were chosen in."""
_INITIAL_STRATEGIES = [name for name in _STRATEGIES if name in ALL and STRATEGIES[name].beams == 1]
_INITIAL_ADAPTERS = 2
"""Adapters selected at first, in addition to the base."""
_COMMANDS = "squadron playground runs/first runs/second\nsquadron playground --sweep sweeps/paper"
_PLAIN: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
"""Settings of every event. Without preprocessing, since Gradio fails on a value that is not among a list's choices."""
_PICK = """element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-run]');
  if (button) trigger('click', {run: button.dataset.run});
});"""
_SHOW_ANSWER = """() => {
  const answer = document.querySelector('#answers'), { top } = answer.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) answer.scrollIntoView({ block: 'start' });
}"""
"""On a phone the answer stands below the form."""
_SWITCH = "() => { document.body.classList.toggle('dark'); }"


def theme(language: Language) -> gr.themes.Base:
    """Return the theme: the colours of ``style.css``, and fonts of the system or of the page; none is downloaded."""
    own = (FONT,) if WRITING[language].direction == "rtl" else ()
    sans, mono = (*own, "system-ui", "-apple-system", "Segoe UI", "sans-serif"), ("ui-monospace", "Menlo", "monospace")
    made = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=sans,
        font_mono=mono,
    )
    return made.set(
        body_background_fill="#f4f6f9",
        body_background_fill_dark="#0e131a",
        block_background_fill="#ffffff",
        block_background_fill_dark="#161d27",
        block_border_width="1px",
        border_color_primary="#dfe4ea",
        border_color_primary_dark="#2c3644",
        block_label_text_color="#586374",
        block_title_text_color="#586374",
        block_title_text_color_dark="#9aa6b6",
        input_background_fill="#f4f6f9",
        body_text_color_subdued="#586374",
        body_text_color_subdued_dark="#9aa6b6",
        input_placeholder_color="#586374",
        input_placeholder_color_dark="#9aa6b6",
        button_primary_background_fill="#1d4ed8",
        button_primary_background_fill_hover="#1e40af",
        input_background_fill_dark="#0e131a",
        checkbox_label_background_fill="#f4f6f9",
        checkbox_label_background_fill_dark="#0e131a",
    )


def build(playground: Playground) -> Any:
    """Return the page of a playground."""
    words = page_words(playground.options.lang)
    with gr.Blocks(title=words("title"), analytics_enabled=False, fill_width=True) as page:
        with gr.Row(elem_classes="top"):
            _html(
                f"<h1>{words('title')}</h1><p>{words('lead')}</p>",
                "title",
            )
            gr.Button(words("switch"), size="sm", min_width=110, elem_classes="switch").click(None, js=_SWITCH)
        with gr.Tabs():
            with gr.Tab(words("tab_ask"), id="ask"):
                models = _ask_tab(playground, words)
            with gr.Tab(words("tab_runs"), id="runs"):
                board, run = _runs_tab(playground, words)
        page.load(lambda: _refresh(playground, words), outputs=[models, board, run], **_PLAIN, queue=False)
    page.queue(default_concurrency_limit=1, api_open=False)
    return page


def _ask_tab(playground: Playground, words: Words) -> gr.Dropdown:
    """Add the tab for questions and answers. Return the list of models, which reloading the page refreshes."""
    titles = [
        (escaped(paragraph.article or words("paragraph", number=words.figure(str(n + 1)))), n)
        for n, paragraph in enumerate(playground.examples)
    ]
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300):
            example = gr.Dropdown(titles, value=None, label=words("example"), elem_id="example")
            context = gr.Textbox(
                label=words("context"), lines=9, max_lines=16, placeholder=words("context_hint"), elem_id="context"
            )
            asked = gr.Radio([], label=words("asked"), visible=False, elem_id="asked")
            question = gr.Textbox(label=words("question"), placeholder=words("question_hint"), elem_id="question")
            button = gr.Button(words("ask"), variant="primary", elem_id="ask")
            models = gr.Dropdown([], multiselect=True, max_choices=MOST_MODELS, label=words("models"), elem_id="models")
            strategies = [(words.decoding(name), name) for name in _STRATEGIES]
            decoding = gr.CheckboxGroup(
                strategies, value=_INITIAL_STRATEGIES, label=words("decodings"), elem_id="decoding"
            )
        with gr.Column(scale=6, min_width=300):
            found = _html(_empty(f"<p>{words('waiting')}</p><p>{words('waiting_more')}</p>"), "answers")

    def show_example(number: int | None) -> tuple[Any, ...]:
        if number is None or number not in range(len(playground.examples)):
            return gr.skip(), gr.Radio(choices=[], visible=False), gr.skip()
        paragraph = playground.examples[number]
        questions = list(dict.fromkeys(one.text for one in paragraph.questions))
        choices = [(escaped(text), text) for text in questions]
        return paragraph.context, gr.Radio(choices=choices, value=questions[0], visible=True), questions[0]

    def answer(context: str | None, question: str | None, models: list[str] | None, decoding: list[str] | None) -> str:
        try:
            strategies = [name for name in _STRATEGIES if name in (decoding or ())]
            return render.answers(playground.ask(context or "", question or "", models or (), strategies), words)
        except SquadronError as problem:
            return render.problem(command_line_text(problem), words)

    example.input(show_example, example, [context, asked, question], **_PLAIN, queue=False)
    asked.input(lambda text: text, asked, question, **_PLAIN, queue=False)
    gr.on(
        [button.click, question.submit],
        answer,
        [context, question, models, decoding],
        found,
        **_PLAIN,
        concurrency_limit=1,
        show_progress="minimal",
    ).then(None, js=_SHOW_ANSWER, api_visibility="private")
    return models


def _runs_tab(playground: Playground, words: Words) -> tuple[gr.HTML, gr.Dropdown]:
    """Add the tab with the leaderboard and a run's curves. Return the components that reloading the page refreshes."""
    board = _html(_empty(f"<p>{words('no_runs')}</p><pre dir='ltr'>{_COMMANDS}</pre>"), "board", on_load=_PICK)
    run = gr.Dropdown([], label=words("run"), visible=False, elem_id="run")
    facts = _html("", "facts")
    with gr.Row():
        loss = gr.Plot(visible=False, elem_id="loss-curve", show_label=False, min_width=300)
        f1 = gr.Plot(visible=False, elem_id="f1-curve", show_label=False, min_width=300)

    def show_run(path: str | None) -> tuple[Any, ...]:
        try:
            rows = {str(row.path): row for row in playground.board().rows}
        except SquadronError as problem:
            return render.problem(command_line_text(problem), words), *_curves(Curves(), words)
        if path not in rows:
            return "", *_curves(Curves(), words)
        curves = read_curves(rows[path].path)
        return render.run_facts(rows[path], _trouble(curves, words), words), *_curves(curves, words)

    def pick(event: gr.EventData) -> Any:
        """Select the run whose button was clicked, if it is listed: a request may name anything."""
        run = getattr(event, "run", None)
        try:
            known = playground.board()
        except SquadronError:
            return gr.skip()  # reloading the page shows the problem
        paths = {escaped(str(row.path)): str(row.path) for row in known.rows}  # as the page has them
        return _run_choices(known, paths[run]) if run in paths else gr.skip()

    board.click(pick, None, run, **_PLAIN, queue=False)
    run.change(show_run, run, [facts, loss, f1], **_PLAIN, show_progress="hidden")
    return board, run


def _html(value: str, name: str, *, on_load: str | None = None) -> gr.HTML:
    """Return a component for HTML from :mod:`squadron.web.render`, in the page's own style."""
    return gr.HTML(value, elem_id=name, apply_default_css=False, js_on_load=on_load)


def _refresh(playground: Playground, words: Words) -> tuple[Any, ...]:
    """Return the models, leaderboard and runs currently in the folders."""
    try:
        board, choices = playground.board(), playground.choices()
    except SquadronError as problem:
        return gr.skip(), render.problem(command_line_text(problem), words), gr.skip()
    bases = [choice.key for choice in choices if choice.is_untouched]
    adapters = [choice.key for choice in choices if not choice.is_untouched]
    models = gr.Dropdown(
        choices=[(escaped(words.model(choice.label)), choice.key) for choice in choices],
        value=[*bases[:1], *adapters[:_INITIAL_ADAPTERS]],
    )
    if not board.rows and not board.problems:
        return models, gr.skip(), gr.skip()
    return (
        models,
        render.leaderboard(board, words),
        _run_choices(board, str(board.rows[0].path) if board.rows else None),
    )


def _run_choices(board: Board, chosen: str | None) -> gr.Dropdown:
    names = [(escaped(row.name), str(row.path)) for row in board.rows]
    return gr.Dropdown(choices=names, value=chosen, visible=bool(names))


def _curves(curves: Curves, words: Words) -> tuple[gr.Plot, gr.Plot]:
    """Plot training and validation loss, and F1 on the validation sample; a plot without points is hidden."""
    charts = (loss_chart(curves, words.language), f1_chart(curves, words.language))
    loss, f1 = (gr.Plot(value=chart, visible=chart is not None) for chart in charts)
    return loss, f1


def _trouble(curves: Curves, words: Words) -> str:
    return words("no_metrics") if curves.problem == NO_METRICS else curves.problem


def _empty(content: str) -> str:
    return f'<div class="empty">{content}</div>'
