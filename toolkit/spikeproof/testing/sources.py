"""What a source holds."""

from __future__ import annotations

from spikeproof.types import Inspectable, Inspection, Recording

from .registry import check, require
from .subject import Subject


def _load(subject: Subject) -> Recording:
    found = subject.build().load()
    require(isinstance(found, Recording), f"load() must return a Recording, got {type(found).__name__}")
    recording: Recording = found
    return recording


@check("source")
def check_it_says_where_the_data_came_from(subject: Subject) -> None:
    """The recording's identity names its source and the digest of its content."""
    identity = _load(subject).identity
    missing = [key for key in ("source", "digest") if not identity.get(key)]
    require(not missing, f"identity lacks {', '.join(missing)}")


@check("source")
def check_loading_twice_gives_the_same(subject: Subject) -> None:
    """Two loads have the same identity, stimuli and responses."""
    one, two = _load(subject), _load(subject)
    require(dict(one.identity) == dict(two.identity), f"identities differ: {dict(one.identity)}, {dict(two.identity)}")
    if one.responses is not None:
        require(two.responses is not None and one.responses.identical(two.responses), "responses differ")
    if one.stimuli is not None:
        require(two.stimuli is not None and one.stimuli.ids == two.stimuli.ids, "stimuli differ")


@check("source")
def check_its_images_can_be_read(subject: Subject) -> None:
    """Images, if there are any, are float32 in [0, 1] with the shape that is promised, whichever are asked for."""
    stimuli = _load(subject).stimuli
    if stimuli is None:
        return
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
