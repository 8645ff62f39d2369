//! Numbers for people: few digits, a unit, always the same width.

use std::time::Duration;

/// A count or a rate with at most four significant places: `0`, `7.5`, `182`, `1.2k`, `34M`.
pub fn count(value: f64) -> String {
    scaled(value, &["", "k", "M", "G", "T", "P"])
}

/// Bytes, or bytes per second: `0 B`, `812 B`, `1.2 kB`, `34 MB`.
pub fn bytes(value: f64) -> String {
    scaled(value, &[" B", " kB", " MB", " GB", " TB", " PB"])
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = if value.is_finite() {
        value.max(0.0)
    } else {
        0.0
    };
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    // What would be rounded up to a thousand belongs to the next unit.
    while value >= 999.5
        && let Some(next) = units.next()
    {
        value /= 1000.0;
        unit = next;
    }
    let is_whole = value.fract() == 0.0 && unit.trim() != "k";
    if value < 9.95 && !is_whole {
        format!("{value:.1}{unit}")
    } else {
        format!("{value:.0}{unit}")
    }
}

/// KiB of memory as it is configured, in powers of two: `512 MiB`, `1.5 GiB`.
pub fn memory(kib: u64) -> String {
    let (mut whole, mut rest, mut unit) = (kib, 0, "KiB");
    for next in ["MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        (rest, whole, unit) = (whole % 1024, whole / 1024, next);
    }
    let tenth = rest * 10 / 1024;
    if tenth > 0 && whole < 10 {
        format!("{whole}.{tenth} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

/// A share of a whole: `0%`, `<1%`, `50%`, `100%`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 1.0 {
        "<1%".into()
    } else {
        format!("{percent:.0}%")
    }
}

/// How a length of time is written, and how long that stays true.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Elapsed {
    /// At most five columns: `0s`, `42s`, `3m12s`, `42m`, `5.2h`, `14h`, `3d`.
    pub text: String,
    /// In how long another text is due.
    pub until_next: Duration,
}

/// Writes a length of time.
pub fn elapsed(time: Duration) -> Elapsed {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = time.as_secs();
    let (text, step) = match seconds {
        0..MINUTE => (format!("{seconds}s"), 1),
        _ if seconds < 10 * MINUTE => (format!("{}m{:02}s", seconds / MINUTE, seconds % MINUTE), 1),
        _ if seconds < HOUR => (format!("{}m", seconds / MINUTE), MINUTE),
        _ if seconds < 10 * HOUR => {
            let tenths = seconds / (HOUR / 10);
            (format!("{}.{}h", tenths / 10, tenths % 10), HOUR / 10)
        }
        _ if seconds < 2 * DAY => (format!("{}h", seconds / HOUR), HOUR),
        _ => (format!("{}d", seconds / DAY), DAY),
    };
    let next = Duration::from_secs((seconds / step + 1) * step);
    Elapsed {
        text,
        until_next: next.saturating_sub(time),
    }
}

/// The time of day in UTC, with milliseconds: `12:03:11.250`.
pub fn time_of_day(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs() % 86_400;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let millis = since_epoch.subsec_millis();
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// The date and the time of day in UTC: `2026-11-26 12:03:11`.
pub fn date_and_time(since_epoch: Duration) -> String {
    // Counted from the first of March of the year 0, so that a leap day is the last of its year.
    let days = since_epoch.as_secs() / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    let time = time_of_day(since_epoch);
    let (time, _) = time.split_once('.').unwrap_or((&time, ""));
    format!("{year:04}-{month:02}-{day:02} {time}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_have_few_digits_and_the_right_unit() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.2"),
            (7.0, "7"),
            (7.46, "7.5"),
            (182.4, "182"),
            (999.6, "1.0k"),
            (1234.0, "1.2k"),
            (34_000_000.0, "34M"),
        ] {
            assert_eq!(count(value), text, "{value}");
        }
        assert_eq!(bytes(812.0), "812 B");
        assert_eq!(bytes(1_250_000.0), "1.2 MB");
        assert_eq!(memory(524_288), "512 MiB");
        assert_eq!(memory(1_572_864), "1.5 GiB");
        assert_eq!(percent(0.004), "<1%");
        assert_eq!(percent(1.0), "100%");
    }

    #[test]
    fn times_are_short_and_say_when_they_change() {
        let of = |seconds: u64| elapsed(Duration::from_secs(seconds));
        for (seconds, text, next) in [
            (0, "0s", 1),
            (59, "59s", 1),
            (192, "3m12s", 1),
            (600, "10m", 60),
            (3599, "59m", 1),
            (3600, "1.0h", 360),
            (18_900, "5.2h", 180),
            (50_400, "14h", 3600),
            (259_200, "3d", 86_400),
        ] {
            let elapsed = of(seconds);
            assert_eq!(
                (elapsed.text.as_str(), elapsed.until_next.as_secs()),
                (text, next)
            );
        }
        assert_eq!(
            time_of_day(Duration::from_millis(86_400_000 + 3_661_005)),
            "01:01:01.005"
        );
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_795_706_648, "2026-11-26 15:24:08"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date_and_time(Duration::from_secs(seconds)), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_column(value in any::<f64>(), seconds in 0_u64..400_000_000) {
            if value < 9e17 {
                prop_assert!(count(value).len() <= 4, "{}", count(value));
                prop_assert!(bytes(value).len() <= 6, "{}", bytes(value));
            }
            let now = elapsed(Duration::from_secs(seconds));
            prop_assert!(now.text.len() <= 5);
            let later = elapsed(Duration::from_secs(seconds) + now.until_next);
            prop_assert_ne!(now.text, later.text);
        }
    }
}
