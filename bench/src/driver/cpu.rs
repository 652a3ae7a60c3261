//! What processes cost, as `/proc` has it.

use std::fs;

/// Linux counts processes' time in hundredths of a second, on every architecture.
const TICK_US: u64 = 10_000;

/// User and system time of one process, and of its children that have ended, in microseconds; 0 when it is gone.
pub fn of_process(pid: &str) -> u64 {
    stat(pid).map_or(0, |stat| stat.ticks * TICK_US)
}

/// As [`of_process`], with all children that run: PostgreSQL has a process for each connection.
pub fn of_family(pid: u32) -> u64 {
    let children = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))?;
        stat(&name).filter(|stat| stat.parent == pid)
    });
    of_process(&pid.to_string()) + children.map(|child| child.ticks * TICK_US).sum::<u64>()
}

/// The most memory that a process ever had (`VmHWM`), in MB of a million bytes.
pub fn peak_memory_mb(pid: u32) -> f64 {
    memory_mb(pid, "VmHWM:")
}

/// What it has now (`VmRSS`).
pub fn memory_now_mb(pid: u32) -> f64 {
    memory_mb(pid, "VmRSS:")
}

fn memory_mb(pid: u32, key: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kib * 1024.0 / 1e6
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(pid: &str) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in brackets, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Stat { parent: fields[1].parse().ok()?, ticks })
}
