"""The state of SAM 2's objects in a film."""

from ...modeling.film_session import FilmSession


class Sam2VideoInferenceSession(FilmSession):
    """See `FilmSession`."""
