//! How much memory the process has used.

/// The most physical memory the process has held at once, in bytes; `None` where the platform does not tell.
#[cfg(target_os = "linux")]
pub(super) fn peak_bytes() -> Option<u64> {
    // `VmHWM:   123456 kB`, see proc_pid_status(5).
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The most physical memory the process has held at once, in bytes; `None` where the platform does not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn peak_bytes() -> Option<u64> {
    None
}
