#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "node/api/context.hpp"
#include "node/api/fields.hpp"
#include "node/api/new_order.hpp"
#include "node/api/picture.hpp"

namespace koinon::node::api {
namespace {

namespace io = engine::io;
using nlohmann::json;

constexpr std::uint64_t kMaxBody = std::uint64_t{16} << 20;

/// The values as given, before they are rounded to what the program takes.
Result<std::vector<io::RealTensor>> given_values(const engine::program::Program& program, base::ByteView bytes) {
  if (!base::as_text(bytes).starts_with('{')) {
    KOINON_TRY(auto picture, io::read_picture(bytes, program.inputs.at(0).info.shape));
    return std::vector<io::RealTensor>{std::move(picture)};
  }
  return io::read_json(bytes);
}

/// Of a prompt: how many tokens it has, when the model takes the whole text that is asked for.
Result<HttpResponse> preview_text(Context& context, const Preview& asked) {
  KOINON_TRY(const auto model, context.programs.text(asked.program));
  base::SystemRandom random;
  KOINON_TRY(const auto text, text_request(*model, *asked.text, random));
  return HttpResponse::json(200, json{{"values", text.prompt.size()}, {"clamped", 0}, {"picture", nullptr}}.dump());
}

Result<HttpResponse> preview(Context& context, const HttpRequest& request) {
  KOINON_TRY(const auto asked, parse_preview(request.body));
  if (asked.text) return preview_text(context, asked);
  KOINON_TRY(const auto program, context.programs.find(asked.program));
  KOINON_TRY(const auto tensors, io::read_inputs(*program, asked.input));
  KOINON_TRY(const auto given, given_values(*program, asked.input));
  std::size_t values = 0, clamped = 0;
  for (std::size_t i = 0; i < given.size() && i < program->inputs.size(); ++i) {
    values += given[i].data.size();
    clamped += outside(program->inputs[i], given[i].data);
  }
  json out = {{"values", values}, {"clamped", clamped}, {"picture", nullptr}};
  if (tensors.size() == 1 && picture_layout(tensors[0].shape)) {
    KOINON_TRY(const auto png, picture_png(tensors[0].shape, io::dequantise(tensors[0], program->inputs[0].scale)));
    out["picture"] = encode_base64(base::as_bytes(png));
  }
  return HttpResponse::json(200, out.dump());
}

}  // namespace

void add_preview(net::Router& router, const ContextPtr& context) {
  const Rule rule{Access::loopback, "application/json"};
  router.post("/api/v1/preview", guarded(context, rule, preview), behind(context, rule, kMaxBody));
}

}  // namespace koinon::node::api
