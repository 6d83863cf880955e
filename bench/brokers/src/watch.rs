//! What a broker takes: CPU seconds and memory of a process and all that it has started, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

use crate::Done;

/// Linux counts the CPU time of a process in hundredths of a second, whatever the kernel's own tick (`man 5 proc`, USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;

/// The fields of `/proc/PID/stat` that are read, counted from the one behind the program's name.
const PARENT: usize = 1;
/// User's and system's, its own and then those of its children that have ended.
const TICKS: std::ops::Range<usize> = 11..15;

/// CPU seconds, user's and system's, of the process and those that descend from it.
pub fn cpu_seconds(pid: u32) -> Done<f64> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut ticks: BTreeMap<u32, u64> = BTreeMap::new();
    let processes = fs::read_dir("/proc").map_err(|error| format!("/proc cannot be read: {error}"))?;
    for entry in processes.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has ended meanwhile has nothing to say.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<u64> = fields.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
        children.entry(fields[PARENT] as u32).or_default().push(process);
        ticks.insert(process, fields[TICKS].iter().sum());
    }
    let (mut all, mut family) = (0, vec![pid]);
    if !ticks.contains_key(&pid) {
        return Err(format!("the broker, process {pid}, is gone"));
    }
    while let Some(process) = family.pop() {
        all += ticks.get(&process).unwrap_or(&0);
        family.extend(children.get(&process).into_iter().flatten());
    }
    Ok(all as f64 / TICKS_A_SECOND)
}

/// Bytes of memory that a process has resident.
pub fn resident_bytes(pid: u32) -> Done<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.map_err(|error| format!("the server, process {pid}, tells nothing of itself: {error}"))?;
    let kibibytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| format!("process {pid} has no memory of its own"))
}
