"""The conformance suite's assertions explain themselves too."""

import pytest

pytest.register_assert_rewrite("tests.journal.conformance")
