"""When the engine fails, the original is handed on, with a warning at the component's own line."""

from __future__ import annotations

import pytest

from longattncomp import LongAttnCompWarning
from longattncomp.adapters import BudgetError, InputError, pass_whole, warn_of


def failing(error: Exception) -> str:
    raise error


def test_what_the_work_gives_is_returned(recwarn: pytest.WarningsRecorder) -> None:
    assert pass_whole(lambda: "short", "whole", "the text passes whole") == "short"
    assert not recwarn.list


def test_a_failure_gives_the_original_a_warning_and_a_traceback_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    said = "^the text passes whole: RuntimeError: out of memory$"
    with pytest.warns(LongAttnCompWarning, match=said) as warned:
        assert pass_whole(lambda: failing(RuntimeError("out of memory")), "whole", "the text passes whole") == "whole"
    assert warned[0].filename == __file__
    (record,) = caplog.records
    assert record.exc_info
    assert "out of memory" in record.getMessage()


def test_the_caller_s_mistakes_propagate_unless_nothing_may() -> None:
    for error in (InputError("top_p"), BudgetError("too small")):
        with pytest.raises(InputError):
            pass_whole(lambda error=error: failing(error), "whole", "the text passes whole")
        with pytest.warns(LongAttnCompWarning, match=str(error)):
            assert (
                pass_whole(lambda error=error: failing(error), "whole", "the text passes whole", raises=()) == "whole"
            )


def test_a_reason_in_words_has_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(LongAttnCompWarning, match="^two documents pass whole: the query is blank$"):
        warn_of("two documents pass whole", "the query is blank")
    assert caplog.records[0].exc_info is None
