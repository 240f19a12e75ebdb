#include <algorithm>

#include "core/kv/catalogue.hpp"

namespace shrike::kv::parts {
namespace {

// Of positions that no block uses any more at most `gap` in a row remain: 0 closes up, as StreamingLLM arXiv
// 2309.17453 does; more keeps some of the time between what is remembered.
void close(std::span<std::int32_t> map, const Args& args) noexcept {
  const int gap = static_cast<int>(args[0].value);
  int next = 0, unused = 0;
  for (std::int32_t& position : map) {
    unused = position == 0 ? unused + 1 : 0;
    position = next;
    next += unused <= gap ? 1 : 0;
  }
}

// As they came, until they run out; then the memory closes up by itself.
void keep(std::span<std::int32_t> map, const Args&) noexcept {
  for (std::size_t p = 0; p < map.size(); ++p) map[p] = static_cast<std::int32_t>(p);
}

}  // namespace

const PartRow<PlacePart> place_close{
    "close", close, {{{"gap", {0}, 0, 1 << 20, false, true}}}, 0, "gaps of unused positions are closed"};
const PartRow<PlacePart> place_keep{"keep", keep, {}, 0, "positions stay as they came, as long as they last"};

}  // namespace shrike::kv::parts
