#pragma once
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace koinon::base {

/// Bytes of base64 with its padding (RFC 4648, section 4), no white space. Errors: malformed.
Result<Bytes> decode_base64(std::string_view text);
/// The same the other way.
std::string encode_base64(ByteView bytes);

}  // namespace koinon::base
