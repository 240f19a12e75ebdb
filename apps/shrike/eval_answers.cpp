#include "apps/shrike/eval_answers.hpp"

#include "apps/shrike/csv.hpp"

namespace shrike::cli {

std::string answers_csv(const EvalOptions& options, const EvalOutcome& outcome) {
  std::string csv = "seed,kind,age,question,expected,policy,budget,mode,answer,right\n";
  for (std::size_t s = 0; s < options.streams.size(); ++s)
    for (std::size_t t = 0; t < options.tracks.size(); ++t) {
      const EvalTrack& track = options.tracks[t];
      const EvalWatched& watched = outcome.tracks[t][s];
      for (std::size_t mode = 0; mode < watched.asked.size(); ++mode)
        for (std::size_t q = 0; q < watched.asked[mode].answers.size(); ++q) {
          const synthetic::Question& question = options.streams[s].questions[q];
          const EvalAnswer& answer = watched.asked[mode].answers[q];
          csv += std::to_string(options.streams[s].world.seed) + ',' + synthetic::word(question.kind) + ',' +
                 std::to_string(question.age) + ',' + csv_field(question.text) + ',' +
                 csv_field(question.answer) + ',' + csv_field(track.policy) + ',' + track.text() + ',' +
                 word(options.modes[mode]) + ',' + csv_field(answer.text) + ',' + (answer.right ? "1" : "0") +
                 '\n';
        }
    }
  return csv;
}

}  // namespace shrike::cli
