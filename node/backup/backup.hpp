#pragma once
#include <functional>

#include "node/backup/manifest.hpp"

namespace koinon::node {

/// Told after each file: its path, bytes done, bytes in all.
using BackupProgress = std::function<void(const std::string& path, std::uint64_t done, std::uint64_t all)>;

struct BackupOptions {
  bool artifacts =
      true;  ///< programs, inputs and results too: without them they are fetched again from peers, if those hold them
};

/// Copies the data folder of a node that does not run to `target`, which must be absent or empty: state, keys with their
/// password, a local ledger, artifacts; a manifest with the hash of every file last. The state is copied by SQLite, whole
/// whatever a crash left. The copy holds secrets: its folder has mode 0700. Errors: not_found (no node's folder), conflict (the
/// node runs, or the target holds something), unsupported (a link or device in the folder), io, exhausted.
base::Result<BackupManifest> make_backup(const std::filesystem::path& data, const std::filesystem::path& target,
                                         std::int64_t now_ms, const BackupOptions& options = {},
                                         const BackupProgress& progress = {});

/// Reads a backup and compares every file with its hash. Errors: not_found (no manifest: cut short), malformed, conflict (a
/// file is missing, changed or too many), io.
base::Result<BackupManifest> check_backup(const std::filesystem::path& backup, const BackupProgress& progress = {});

/// Checks a backup, then puts it at `data`, which must be absent or empty. An absent one appears whole or not at all; into one
/// that stands, which may be a disk of its own, the state comes last. Start only one node from a backup: two with one key send
/// transactions against each other. Errors: as check_backup; conflict, io.
base::Result<BackupManifest> restore_backup(const std::filesystem::path& backup, const std::filesystem::path& data,
                                            const BackupProgress& progress = {});

}  // namespace koinon::node
