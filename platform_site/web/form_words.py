"""What forms say of a value that they refuse, in our words: people never read the libraries'."""

from typing import Any

from django import forms
from django.core.validators import ProhibitNullCharactersValidator

_NUL = "Remove the characters that cannot be shown."
_CHOICE = "Choose one of the options."
_WORDS = {
    "required": "Fill in this field.",
    "invalid_choice": _CHOICE,
    "null_characters_not_allowed": _NUL,
}


class PlainWords:
    """Mixed into a form: each of its fields refuses in our words, unless it has its own."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the form, then replace what its fields would say."""
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            _speak_plainly(field)


class PlainForm(PlainWords, forms.Form):
    """Base of the forms that people fill in."""


def _speak_plainly(field: forms.Field) -> None:
    own = _own_words(field)
    field.error_messages |= {**_WORDS, **_words_of(field), **own}
    if isinstance(field, forms.ModelChoiceField):
        # It checks by a validator of the library's own, past the field's words.
        check = ProhibitNullCharactersValidator(message=_NUL)
        field.validate_no_null_characters = check  # type: ignore[method-assign]


def _own_words(field: forms.Field) -> dict[str, Any]:
    """Return what the form itself has its field say."""
    usual: dict[str, Any] = {}
    for kind in reversed(type(field).__mro__):
        usual |= getattr(kind, "default_error_messages", {})
    return {code: words for code, words in field.error_messages.items() if words != usual.get(code)}


def _words_of(field: forms.Field) -> dict[str, str]:
    match field:
        case forms.IntegerField():
            words = _number_words(field.min_value, field.max_value)
            return dict.fromkeys(("invalid", "min_value", "max_value"), words)
        case forms.ModelChoiceField() | forms.ChoiceField():
            return {"required": _CHOICE}
        case forms.DateField():
            return {"invalid": "Enter a date, such as 2026-11-29."}
        case forms.EmailField():
            return {"invalid": "Enter an email address."}
        case forms.CharField() if field.max_length:
            return {"max_length": f"Enter at most {field.max_length:,} characters."}
    return {}


def _number_words(least: object, most: object) -> str:
    if isinstance(least, int) and isinstance(most, int):
        return f"Enter a whole number from {least:,} to {most:,}."
    if isinstance(least, int):
        return f"Enter a whole number, {least:,} or more."
    return "Enter a whole number."
