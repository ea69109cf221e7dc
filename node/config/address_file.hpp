#pragma once

namespace koinon::node {

/// File of the data folder that says under which URL its node serves; there while it is up, and after a kill.
inline constexpr const char* kAddressFile = "address";

}  // namespace koinon::node
