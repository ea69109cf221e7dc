#include "trust/proof/field.hpp"

#include <vector>

namespace koinon::trust::proof {

void invert_all(std::span<Ext> values) {
  if (values.empty()) return;
  std::vector<Ext> before(values.size());
  Ext product(Fp(1));
  for (std::size_t i = 0; i < values.size(); ++i) {
    before[i] = product;
    product *= values[i];
  }
  Ext rest = inverse(product);
  for (std::size_t i = values.size(); i-- > 0;) {
    const Ext next = rest * values[i];
    values[i] = rest * before[i];
    rest = next;
  }
}

}  // namespace koinon::trust::proof
