#include "camera/synthetic/perch_world.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "camera/synthetic/questions.hpp"
#include "camera/synthetic/renderer.hpp"
#include "camera/synthetic/world.hpp"

using namespace shrike::synthetic;

struct pw_world {
  explicit pw_world(const WorldOptions& options) : world(options), renderer(world) {}
  World world;
  Renderer renderer;
};

namespace {

// JSON of words of ours only, in which nothing needs escaping.
class Json {
 public:
  Json& open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  Json& key(std::string_view name) {
    separate();
    quote(name);
    text_ += ": ";
    first_ = true;  // no comma before its value
    return *this;
  }
  Json& pair(std::string_view name, std::string_view value) {
    key(name).quote(value);
    return *this;
  }
  Json& pair(std::string_view name, std::int64_t value) {
    key(name).text_ += std::to_string(value);
    first_ = false;
    return *this;
  }
  Json& thousandths(std::string_view name, std::int64_t value) {
    const std::string digits = std::to_string(1000 + value % 1000);
    key(name).text_ += std::to_string(value / 1000);
    text_ += '.';
    text_.append(digits, 1);
    first_ = false;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  void separate() {
    if (!first_) text_ += ", ";
    first_ = true;
  }
  void quote(std::string_view value) {
    text_ += '"';
    text_ += value;
    text_ += '"';
    first_ = false;
  }

  std::string text_;
  bool first_ = true;
};

void write(Json& json, const Visit& visit) {
  json.open('{').pair("colour", word(visit.thing.colour)).pair("shape", word(visit.thing.shape));
  json.pair("size", word(visit.size)).pair("place", word(visit.place));
  json.pair("first", visit.first_frame).pair("last", visit.last_frame);
  json.pair("shown_from", visit.shown_from).pair("shown_to", visit.shown_to).close('}');
}

void write(Json& json, const Question& question) {
  json.open('{').pair("cut", question.cut).pair("kind", word(question.kind));
  json.pair("text", question.text).pair("answer", question.answer);
  json.pair("age", question.age).pair("chance", chance_percent(question.kind)).close('}');
}

size_t give(const std::string& text, char* out, size_t bytes) {
  if (bytes > 0) {
    const size_t n = std::min(text.size(), bytes - 1);
    std::memcpy(out, text.data(), n);
    out[n] = '\0';
  }
  return text.size();
}

}  // namespace

pw_world* pw_open(const char* spec, char* error, size_t error_bytes) {
  const auto options = WorldOptions::parse(spec);
  if (options) return new pw_world(*options);
  give(options.error().subject + " " + options.error().rule, error, error_bytes);
  return nullptr;
}

void pw_close(pw_world* world) { delete world; }

int pw_n_frames(const pw_world* world) { return world->world.n_frames(); }
int pw_width(const pw_world* world) { return world->world.options().width; }
int pw_height(const pw_world* world) { return world->world.options().height; }

void pw_frames(pw_world* world, int64_t first, int64_t count, uint8_t* rgb) {
  const auto stride = static_cast<size_t>(pw_width(world)) * 3;
  const size_t frame_bytes = stride * static_cast<size_t>(pw_height(world));
  for (int64_t i = 0; i < count; ++i)
    world->renderer.draw(first + i, rgb + static_cast<size_t>(i) * frame_bytes, stride);
}

size_t pw_truth(const pw_world* world, char* json, size_t bytes) {
  Json out;
  out.open('{').pair("frames", pw_n_frames(world)).thousandths("fps", world->world.options().fps_milli);
  out.pair("width", pw_width(world)).pair("height", pw_height(world)).key("visits").open('[');
  for (const Visit& visit : world->world.visits()) write(out, visit);
  out.close(']').close('}');
  return give(out.text(), json, bytes);
}

size_t pw_questions(const pw_world* world, const int* cuts, int n_cuts, int per_cut, uint64_t seed,
                    char* json, size_t bytes) {
  Json out;
  out.open('[');
  for (int i = 0; i < n_cuts; ++i)
    for (const Question& question : ask_about(world->world, cuts[i], per_cut, seed)) write(out, question);
  out.close(']');
  return give(out.text(), json, bytes);
}
