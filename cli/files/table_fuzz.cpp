// Tables of numbers: whatever the text, every row has a number for each name.
#include <cmath>
#include <cstdlib>

#include "base/bytes.hpp"
#include "cli/files/table_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  const auto table = cli::parse_table(base::as_text({data, size}));
  if (!table) return 0;
  if (table->rows() * table->names.size() != table->values.size()) std::abort();
  for (const auto v : table->values)
    if (!std::isfinite(v)) std::abort();
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const std::string text = "a, \"b \"\"c\"\"\",label\r\n1,-2.5e3,0\n+4, 5 ,1\n\n";
  return {{text.begin(), text.end()}};
}
