#pragma once
#include <string>

namespace koinon::work::sandbox {

/// From here on the process and its children may make the listed system calls only. A call that is not listed answers EPERM;
/// those that C libraries probe for (clone3, rseq and the like) answer ENOSYS, so that the older call is used. Left out on
/// purpose: everything that makes namespaces, mounts, traces or reads other processes, loads code into the kernel (bpf,
/// modules, io_uring, userfaultfd), keys, clocks, and every socket but a pair of local ones. Empty text on success.
std::string restrict_calls();

}  // namespace koinon::work::sandbox
