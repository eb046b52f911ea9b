import pytest

from filterbank_signals import CELLS, METHODS, PARAMETERS


@pytest.fixture(params=CELLS)
def cell(request):
    return request.param


@pytest.fixture(params=PARAMETERS)
def parameters(request):
    return request.param


@pytest.fixture(params=METHODS)
def method(request):
    return request.param
