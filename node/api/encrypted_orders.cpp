#include "node/api/encrypted_orders.hpp"

#include <charconv>

#include "base/file.hpp"
#include "base/random.hpp"
#include "market/envelope/envelope.hpp"
#include "node/node.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::int64_t kKeptMs = std::int64_t{30} * 24 * 3600 * 1000;  ///< after the last order of it

constexpr std::size_t kMostCosts = 1024;

std::string program_key(const base::Hash& program) { return "encrypted/program/" + base::to_hex(program); }
std::string spec_key(const base::Hash& spec) { return "encrypted/spec/" + base::to_hex(spec); }

std::filesystem::path file_of(const Node& node, const base::Hash& spec) {
  return node.config().data / "encrypted" / (base::to_hex(spec).substr(2) + ".keys");
}

}  // namespace

// A note of a program: "SPEC CID SIZE".
Result<EncryptedOrders::Note> EncryptedOrders::ready(const base::Hash& program) {
  const std::lock_guard lock(mutex_);
  KOINON_TRY(const auto kept, node_.store().settings.get(program_key(program)));
  if (kept) {
    const std::string_view text = *kept;
    const auto first = text.find(' '), second = text.rfind(' ');
    const auto spec = base::fixed_from_hex<32>(text.substr(0, first));
    const auto cid = base::Cid::parse(text.substr(first + 1, second - first - 1));
    std::uint64_t size = 0;
    std::from_chars(text.data() + second + 1, text.data() + text.size(), size);
    if (spec && cid && std::filesystem::exists(file_of(node_, *spec)) && node_.artifacts().has(base::ArtifactRef{*cid, size}))
      return Note{*spec, {*cid, size}};
  }
  return make(program);
}

Result<EncryptedOrders::Note> EncryptedOrders::make(const base::Hash& program) {
  KOINON_TRY(const auto record, node_.store().models.get(program));
  KOINON_TRY(const auto file, node_.artifacts().get(record.artifact.cid));
  base::SystemRandom random;
  KOINON_TRY(auto made, work::BuyerKeys::make(file, random, &node_.pool()));
  KOINON_CHECK(base::make_folder(node_.config().data / "encrypted"));
  auto secret = made.keys.encode();
  const auto sealed = market::seal(secret, {node_.box().public_key()});
  base::wipe(secret);
  if (!sealed) return fail(sealed.error());
  KOINON_CHECK(base::write_file(file_of(node_, made.id), *sealed, 0600));
  KOINON_TRY(const auto artifact, node_.artifacts().put(made.spec.encode()));
  KOINON_CHECK(node_.store().settings.set(spec_key(made.id), base::to_hex(program)));
  KOINON_CHECK(node_.store().settings.set(program_key(program),
                                          fmt::format("{} {} {}", base::to_hex(made.id), artifact.cid.text(), artifact.size)));
  return Note{made.id, artifact};
}

Result<work::BuyerKeys> EncryptedOrders::keys_of(const base::Hash& spec) const {
  KOINON_TRY(const auto sealed, base::read_file(file_of(node_, spec)));
  KOINON_TRY(auto secret, market::open(sealed, node_.box()));
  auto out = work::BuyerKeys::decode(secret);
  base::wipe(secret);
  return out;
}

Result<EncryptedOrders::Prepared> EncryptedOrders::prepare(const base::Hash& program, const std::vector<base::Bytes>& inputs) {
  KOINON_TRY(const auto note, ready(program));
  KOINON_CHECK(
      node_.artifacts().pin(note.artifact.cid, "encrypted " + base::to_hex(note.spec), node_.clock().now_ms() + kKeptMs));
  KOINON_TRY(const auto keys, keys_of(note.spec));
  base::SystemRandom random;
  KOINON_TRY(auto encrypted, keys.encrypt(inputs, random));
  return Prepared{note.spec, note.artifact, {std::move(encrypted)}};
}

namespace {

Result<trust::fhe::RunCost> planned(base::ByteView file) {
  KOINON_TRY(const auto program, engine::program::decode(file));
  KOINON_TRY(const auto compiled, trust::fhe::compile(program));
  KOINON_TRY(const auto cost, trust::fhe::run_cost(compiled.bundle));
  if (cost.memory_bytes > work::kUsualMemory)
    return fail(Code::exhausted,
                "[private] a run takes {} MB: providers give {}; what helps: fewer bits (model build --activations 4)",
                cost.memory_bytes >> 20, work::kUsualMemory >> 20);
  return cost;
}

}  // namespace

Result<trust::fhe::RunCost> EncryptedOrders::cost(const base::Hash& program) {
  const std::lock_guard lock(cost_mutex_);
  if (const auto found = costs_.find(program); found != costs_.end()) return found->second;
  KOINON_TRY(const auto record, node_.store().models.get(program));
  KOINON_TRY(const auto file, node_.artifacts().get(record.artifact.cid));
  if (costs_.size() >= kMostCosts) costs_.clear();
  return costs_.emplace(program, planned(file)).first->second;
}

std::optional<base::Hash> EncryptedOrders::program_of(const base::Hash& spec) const {
  const auto kept = node_.store().settings.get(spec_key(spec));
  if (!kept || !*kept) return {};
  const auto out = base::fixed_from_hex<32>(**kept);
  return out ? std::optional(*out) : std::nullopt;
}

Result<std::vector<base::Bytes>> EncryptedOrders::decrypt(const base::Hash& spec, const std::vector<base::Bytes>& outputs) {
  KOINON_TRY(const auto keys, keys_of(spec));
  return keys.decrypt(outputs);
}

}  // namespace koinon::node::api
