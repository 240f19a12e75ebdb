#pragma once

#include <string>
#include <vector>

#include "core/kv/head_profile.hpp"
#include "core/session.hpp"

namespace shrike::cli {

// Measures a head profile: a session that remembers everything answers a question, and answers it again once for
// each kv head of each layer without the words, and once without the pictures, of past frames there. What counts
// is how much less the model then expects the answer that it gave, so that no right answers are needed.
//
// Session  opened with SessionOptions::rehearses and the policy `full`
class Calibration {
 public:
  explicit Calibration(Session& session);

  // Learns from what the session holds now. False: the question has more tokens than there is room for.
  bool ask(const std::string& question);
  int n_asked() const noexcept { return n_asked_; }
  // Worth of a slot: what is lost without its kind in its head, over the slots that a frame has of this kind. None
  // was asked, or none needed the past: all 1.
  [[nodiscard]] kv::HeadProfile profile() const;

 private:
  Session& session_;
  std::vector<double> lost_;  // [tables][2], sums over questions, in nats a token
  std::vector<TokenId> answer_;
  int n_asked_ = 0;
};

}  // namespace shrike::cli
