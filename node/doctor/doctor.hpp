#pragma once
#include <string>
#include <vector>

#include "node/config/config.hpp"

namespace koinon::node {

enum class Health : std::uint8_t {
  good,
  warning,  ///< works, but not as well or as safely as it could
  bad,      ///< a node will not start, or will lose money
};

/// What one check of the doctor found.
struct Finding {
  Health health = Health::good;
  std::string name;   ///< of the check: "ledger"
  std::string found;  ///< what is so
  std::string next;   ///< what to do about it; empty when nothing has to be
};

struct Examination {
  std::filesystem::path page;  ///< folder of the built page; empty: none was found
  bool provides = false;       ///< this machine is to sell work, so others must reach it
};

/// Looks at everything that a node with this configuration needs: this machine, its data folder, store and key, its address,
/// clock, ledger, contracts and coins. Changes nothing but for a file of 1 byte that it writes to the data folder and removes.
/// Takes a few seconds when a ledger does not answer.
std::vector<Finding> examine(const Config& config, const Examination& about);

/// The worst of them.
Health worst(const std::vector<Finding>& findings);
std::string health_name(Health health);

// One check each, for tests.

/// Memory, cores, processor.
Finding examine_machine();
/// Folder of the data: permissions, room, and that it can be written.
Finding examine_folder(const std::filesystem::path& data, std::uint64_t artifact_quota);
Finding examine_state(const std::filesystem::path& data);
/// The key opens with the password, and nobody else can read either.
Finding examine_key(const Config& config);
/// Something of the data folder that must be secret: a warning or worse when group or others may read it.
Finding examine_secret(const std::string& name, const std::filesystem::path& file);
/// The address is free, or this node is up there.
Finding examine_address(const Config& config);
/// Whether the system's clock is kept in step, and how far it is from `ledger_ms` (0: not known), milliseconds of the newest
/// block.
Finding examine_clock(std::int64_t now_ms, std::int64_t ledger_ms);

}  // namespace koinon::node
