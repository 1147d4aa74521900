"""A model without dropout for a while."""

import pytest
from torch import nn

from bestiary.nn.evaluating import evaluating


def test_modules_are_in_their_modes_again_when_the_last_user_has_gone():
    model = nn.Sequential(nn.Dropout(), nn.Dropout())
    model[0].eval()
    before = [module.training for module in model.modules()]
    with evaluating(model):
        with pytest.raises(ZeroDivisionError), evaluating(model):
            raise ZeroDivisionError
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before == [True, False, True]
