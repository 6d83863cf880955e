//! How much memory there is.

use std::fs;

use crate::limits::MEMORY_BYTES_MIN;

/// What a run takes unless it is told: half of the machine's memory, or of what this process may use of it.
pub fn share() -> u64 {
    /// Where nothing says how much there is.
    const UNKNOWN: u64 = 4 << 30;
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let most = machine.into_iter().chain(group).min().unwrap_or(UNKNOWN);
    (most / 2).max(MEMORY_BYTES_MIN)
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        assert_eq!(total("MemTotal:       24578652 kB\nMemFree:  1 kB\n"), Some(24_578_652 << 10));
        assert_eq!(total("something else"), None);
    }
}
