"""Parameters stand in the published order: the state of an optimizer knows them by their numbers alone."""

from kit.families import Pair, each, every_row


@each(every_row())
def test_parameters_have_the_same_numbers(models: Pair) -> None:
    ours, theirs = ({name: p.shape for name, p in model.named_parameters()} for model in (models.ours, models.reference))
    # Some modules of the reference are called otherwise than in its files, whose names are ours.
    assert ours == theirs or ours.keys() != theirs.keys()
    assert list(ours) == list(theirs) if ours.keys() == theirs.keys() else [*ours.values()] == [*theirs.values()]


@each(every_row())
def test_weights_stand_in_the_same_order(models: Pair) -> None:
    ours, theirs = models.ours.state_dict(), models.reference.state_dict()
    assert [name for name in ours if name in theirs] == [name for name in theirs if name in ours]
