//! The time until which a message is worth delivering: SMPP 3.4 §7.1.1.

/// 2000-01-01 and 2099-12-31 23:59:59 in seconds since 1970, UTC: the century that two digits mean.
const CENTURY: (i64, i64) = (946_684_800, 4_102_444_799);
const DAY: i64 = 86_400;

/// The absolute validity_period `YYMMDDhhmmsstnnp` of a moment in milliseconds since 1970, UTC.
///
/// Always absolute: a relative one begins anew at every hop, and a code arrives after its end. A fraction of a second is
/// dropped, so that the carrier gives up no later than the code; tenths and quarter hours from UTC are zero. A moment
/// outside 2000 to 2099 becomes the nearest within.
pub fn validity(unix_ms: i64) -> String {
    let seconds = unix_ms.div_euclid(1000).clamp(CENTURY.0, CENTURY.1);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}000+", year % 100)
}

/// Year, month and day of a day since 1970 in the Gregorian calendar. Years begin in March, so that the leap day is their
/// last; eras are the calendar's 400 years (after Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms").
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (unix_ms, written) in [
            (1_795_390_245_000, "261122233045000+"),
            (1_795_390_245_999, "261122233045000+"),
            (951_782_399_000, "000228235959000+"),
            (951_782_400_000, "000229000000000+"),
            (1_835_395_200_000, "280229000000000+"),
            (1_798_761_599_000, "261231235959000+"),
            (1_798_761_600_000, "270101000000000+"),
            (0, "000101000000000+"),
            (i64::MIN, "000101000000000+"),
            (i64::MAX, "991231235959000+"),
        ] {
            assert_eq!(validity(unix_ms), written, "{unix_ms}");
        }
    }

    #[test]
    fn every_day_of_the_century_follows_the_one_before() {
        let first = CENTURY.0 / DAY;
        let mut expected = (2000, 1, 1);
        for day in first..=CENTURY.1 / DAY {
            assert_eq!(date(day), expected);
            let (year, month, of_month) = expected;
            let leap = year % 4 == 0;
            let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
            expected = match (month, of_month) {
                (12, 31) => (year + 1, 1, 1),
                _ if of_month == length => (year, month + 1, 1),
                _ => (year, month, of_month + 1),
            };
        }
        assert_eq!(expected, (2100, 1, 1));
    }
}
