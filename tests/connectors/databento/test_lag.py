from connectors.databento.lag import WINDOW_NS, Lag

MS = 1_000_000
DAY = 86_400_000 * MS


def test_clocks_that_agree_are_believed():
    lag = Lag(2_000 * MS)
    lag.note(10_000 * MS, 9_000 * MS, 9_990 * MS)
    assert (lag.lag_ns, lag.is_skewed, lag.offset_ns) == (1_000 * MS, False, 10 * MS)


def test_a_clock_far_off_is_told_and_left_out():
    for off in (DAY, -DAY):
        lag = Lag(2_000 * MS)
        lag.note(DAY * 2 + off, DAY * 2 - 5 * MS, DAY * 2)
        assert lag.is_skewed
        assert (lag.offset_ns, lag.lag_ns) == (off, 5 * MS)


def test_without_send_times_the_fastest_record_is_the_measure():
    lag = Lag(2_000 * MS)
    for number, delay in enumerate((3, 1, 9)):
        now = DAY + number * 10 * MS
        lag.note(now + delay * MS, now - DAY // 2, 0)
    assert lag.lag_ns == 8 * MS


def test_an_old_offset_is_forgotten():
    lag = Lag(10 * MS)
    lag.note(DAY, DAY - MS, 0)
    for windows in (1, 2):
        lag.note(DAY + windows * WINDOW_NS, DAY + windows * WINDOW_NS - 50 * MS, 0)
    assert (lag.offset_ns, lag.is_skewed) == (50 * MS, True)
