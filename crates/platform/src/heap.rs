//! How much of freed memory the system's allocator keeps.

/// Lets the allocator keep freed memory in one place for each processor, where it would make one for each thread, eight for
/// each processor: what it keeps there is most of what an org grows by. For `main`, before there are threads; a library leaves
/// it to its program. Only glibc has such places; elsewhere, and where `MALLOC_ARENA_MAX` says something, nothing is done.
pub fn keep_few_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let most = std::ffi::c_int::try_from(processors.max(2)).unwrap_or(std::ffi::c_int::MAX);
        // Refused, everything is as it was.
        let _ = set_most_arenas(most);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "the allocator is told by a function of C, and the environment, which it reads too, is not ours to set"
)]
fn set_most_arenas(most: std::ffi::c_int) -> bool {
    // SAFETY: mallopt takes two numbers, keeps no pointer and takes the allocator's own lock.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, most) == 1 }
}
