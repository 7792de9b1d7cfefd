//! How much memory there is, and how much the process has used.

use sysinfo::{MemoryRefreshKind, System};

/// The share of the memory that is free now which a job may take: the rest is for what other programs do meanwhile.
const SHARE: f64 = 0.9;

/// The bytes that this process may hold in all: what it holds now, and most of what is free; `None` where the platform does
/// not tell.
pub(crate) fn allowed_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let free = system.available_memory();
    // In a container the system has more than the process may use.
    let free = system
        .cgroup_limits()
        .map_or(free, |limits| limits.free_memory.min(free));
    Some(current_bytes().unwrap_or(0) + (free as f64 * SHARE) as u64)
}

/// All memory of the machine, in bytes; `None` where the platform does not tell.
pub fn total_bytes() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let all = system.total_memory();
    let limit = system.cgroup_limits();
    Some(limit.map_or(all, |limits| limits.total_memory.min(all)))
}

/// The physical memory that the process holds now, in bytes; `None` where the platform does not tell.
pub(crate) fn current_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

/// The most physical memory that the process has held at once since [`forget_peak`], in bytes; `None` where the platform does
/// not tell.
pub(crate) fn peak_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Begins a new measurement of [`peak_bytes`], where the platform can; elsewhere the old peak stays.
pub(crate) fn forget_peak() {
    // See proc_pid_clear_refs(5).
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of the process's status: `VmHWM:   123456 kB`, see proc_pid_status(5).
#[cfg(target_os = "linux")]
fn status_bytes(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// A line of the process's status, which only Linux has.
#[cfg(not(target_os = "linux"))]
fn status_bytes(_name: &str) -> Option<u64> {
    None
}
