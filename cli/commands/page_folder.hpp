#pragma once
#include <filesystem>

namespace koinon::cli {

/// The built web page: share/koinon/page beside an installed program, web/dist above one that was built here. Empty: none.
std::filesystem::path page_folder();

}  // namespace koinon::cli
