"""What a source holds."""

from __future__ import annotations

from spikeproof.types import Inspectable, Inspection, Recording

from .registry import check, require
from .subject import Subject


def _load(subject: Subject) -> tuple[Recording, ...]:
    found = subject.build().load()
    several = found if isinstance(found, tuple) else (found,)
    good = several and all(isinstance(one, Recording) for one in several)
    require(good, f"load() must return a Recording, or a tuple of several, got {type(found).__name__}")
    return several


@check("source")
def check_it_says_where_the_data_came_from(subject: Subject) -> None:
    """The identity of every recording names its source and the digest of its content; no two share a source."""
    loaded = _load(subject)
    for recording in loaded:
        missing = [key for key in ("source", "digest") if not recording.identity.get(key)]
        require(not missing, f"identity lacks {', '.join(missing)}")
    named = [recording.identity["source"] for recording in loaded]
    require(len(set(named)) == len(named), f"several recordings call themselves alike: {named}")


@check("source")
def check_loading_twice_gives_the_same(subject: Subject) -> None:
    """Two loads have the same identity, stimuli and responses."""
    first, second = _load(subject), _load(subject)
    require(len(first) == len(second), f"it loads {len(first)} recordings and then {len(second)}")
    for one, two in zip(first, second, strict=True):
        _compare(one, two)


def _compare(one: Recording, two: Recording) -> None:
    require(dict(one.identity) == dict(two.identity), f"identities differ: {dict(one.identity)}, {dict(two.identity)}")
    if one.responses is not None:
        require(two.responses is not None and one.responses.identical(two.responses), "responses differ")
    if one.stimuli is not None:
        require(two.stimuli is not None and one.stimuli.ids == two.stimuli.ids, "stimuli differ")


@check("source")
def check_its_images_can_be_read(subject: Subject) -> None:
    """Images, if there are any, are float32 in [0, 1] with the shape that is promised, whichever are asked for."""
    for recording in _load(subject):
        stimuli = recording.stimuli
        if stimuli is None:
            continue
        together = stimuli.images(stimuli.ids[:3])
        for row, name in enumerate(stimuli.ids[:3]):
            alone = stimuli.images([name])[0]
            require((alone == together[row]).all(), f"image {name!r} read alone differs from itself read with others")


@check("source")
def check_it_says_what_is_there(subject: Subject) -> None:
    """Where it can inspect, it gives an Inspection that says what can be computed, or why not."""
    source = subject.build()
    if not isinstance(source, Inspectable):
        return
    found = source.inspect()
    require(isinstance(found, Inspection), f"inspect() must return an Inspection, got {type(found).__name__}")
    require(found.can or found.cannot, "the inspection says neither what can be computed nor why not")
