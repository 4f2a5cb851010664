//! How many connections and streams there is room for: each takes one of the files that this process may have open.

/// Open files that are kept for the database, carriers, gateways, mail servers, listeners and the program's own files.
const KEPT: u64 = 124;
/// Connections at most, however many files there may be: what one process can answer, and no more memory than that takes.
const CONNECTIONS_MAX: u64 = 20_000;
/// Connections at least, where hardly any files may be open.
const CONNECTIONS_MIN: u64 = 16;
/// Streams at most: each looks at the ledger every two seconds.
const STREAMS_MAX: usize = 2_000;

/// How many connections and streams there may be at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Open connections.
    pub connections: usize,
    /// Streams of events. Over HTTP/1 each holds a connection: more than half are left for pages.
    pub streams: usize,
}

impl Default for Room {
    /// For the usual 1,024 open files.
    fn default() -> Self {
        Self::of(1_024)
    }
}

impl Room {
    /// The room within so many open files.
    pub fn of(open_files: u64) -> Self {
        let connections = open_files.saturating_sub(KEPT).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        Self { connections, streams: (connections * 4 / 9).min(STREAMS_MAX) }
    }

    /// The room that this process has; without `/proc`, that within 1,024 open files.
    pub fn here() -> Self {
        let limits = std::fs::read_to_string("/proc/self/limits").ok();
        limits.as_deref().and_then(open_files).map_or_else(Self::default, Self::of)
    }
}

/// The soft limit of open files in what `/proc/self/limits` says (proc_pid_limits(5)); `None` if it says nothing of them.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        soft => soft.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_kept_and_half_the_connections_are_for_pages() {
        for (open_files, connections, streams) in [
            (0, 16, 7),
            (140, 16, 7),
            (256, 132, 58),
            (1_024, 900, 400),
            (4_096, 3_972, 1_765),
            (20_124, 20_000, 2_000),
            (1_048_576, 20_000, 2_000),
            (u64::MAX, 20_000, 2_000),
        ] {
            assert_eq!(Room::of(open_files), Room { connections, streams }, "{open_files}");
        }
        assert_eq!(Room::default(), Room::of(1_024));
    }

    #[test]
    fn the_soft_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             7823                 7823                 processes \n\
                      Max open files            65536                1048576              files     \n";
        assert_eq!(open_files(limits), Some(65_536));
        assert_eq!(open_files(&limits.replace("65536", "unlimited")), Some(u64::MAX));
        assert_eq!(open_files(&limits.replace("65536", "-")), None);
        assert_eq!(open_files("Max processes 1 1 processes"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_a_limit() {
        let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux has it");
        assert_eq!(Room::here(), Room::of(open_files(&limits).expect("a limit")));
    }
}
