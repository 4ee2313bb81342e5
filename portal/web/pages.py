"""Answer with a page, or with one block of it (design: fragments are blocks of the page's template).

The view names the block; htmx requests get just that block, everything else the whole page, and
`Vary: HX-Request` says so. Components (templates/components/<name>.html, one macro of that name each)
are reachable from every template as `ui.<name>`, whole page or block, without imports.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, make_response, render_template, request
from flask.templating import Environment
from jinja2.exceptions import TemplateNotFound

from portal import clock


class Templates(Environment):
    """Rows are dicts, so a column is looked up before an attribute that dicts do not have, and wins over one.

    Jinja asks the other way round, and the error that it catches costs more than the answer.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what ``obj.attribute`` means in a template."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class Components:
    """The macros of templates/components, by name; each is looked up once, when it is first asked for."""

    def __init__(self, templates: Environment) -> None:
        self._templates = templates

    def __getattr__(self, name: str) -> Callable[..., str]:
        try:
            module = self._templates.get_template(f"components/{name}.html").module
        except TemplateNotFound:
            raise AttributeError(name) from None
        macro: Callable[..., str] = getattr(module, name)
        if not self._templates.auto_reload:
            setattr(self, name, macro)
        return macro


def register(app: Flask) -> None:
    """Give templates their components and what the frame of every page shows."""
    settings = app.extensions["services"].settings
    app.jinja_env.globals.update(
        ui=Components(app.jinja_env),
        merchant_name=settings.merchant_name,
        support_email=settings.support_email,
        now=clock.now,
        has_page=lambda endpoint: endpoint in current_app.view_functions,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def page(template: str, block: str | None = None, *, status: int = 200, **context: Any) -> Response:
    """Render ``template``, or only its ``block`` when htmx asks for a part.

    A form that came back with errors is answered with 422 (the page keeps what was typed).
    """
    form = context.get("form")
    if status == 200 and form is not None and form.errors:  # noqa: PLR2004 - the HTTP status
        status = 422
    text = _block(template, block, context) if block and wants_part() else _whole(template, context)
    response = make_response(text, status)
    if block:
        response.vary.add("HX-Request")
    return response


def wants_part() -> bool:
    """Say whether htmx asks for a part of a page; never so when it restores history or is boosted."""
    asks = request.headers.get("HX-Request") == "true"
    whole = "HX-History-Restore-Request" in request.headers or "HX-Boosted" in request.headers
    return asks and not whole


def _whole(template: str, context: dict[str, Any]) -> str:
    return render_template(template, **context)


def _block(template: str, block: str, context: dict[str, Any]) -> str:
    current_app.update_template_context(context)
    source = current_app.jinja_env.get_template(template)
    return "".join(source.blocks[block](source.new_context(context)))
