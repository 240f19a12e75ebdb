/* The synthetic camera for programs in other languages, above all the training of the demo model: worlds, their
 * frames, their questions. Thread-safe as long as each world is used by one thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

typedef struct pw_world pw_world;

/* spec: "seed=7,fps=0.5,frames=64,size=64", see camera/synthetic/world_options.hpp. NULL when it is none; one line
 * about why is then in error[error_bytes]. */
pw_world* pw_open(const char* spec, char* error, size_t error_bytes);
void pw_close(pw_world* world);

int pw_n_frames(const pw_world* world); /* of one round of the story when frames=0 */
int pw_width(const pw_world* world);
int pw_height(const pw_world* world);

/* Frames first .. first + count - 1 into rgb [count][height][width][3]. */
void pw_frames(pw_world* world, int64_t first, int64_t count, uint8_t* rgb);

/* Both write JSON with a terminator into json[bytes] as far as it fits, and return the bytes that it needs without
 * the terminator: call again with more when that is not below `bytes`.
 *
 * truth:     {"frames": 64, "fps": 0.5, "width": 64, "height": 64, "visits": [
 *             {"colour": "red", "shape": "circle", "size": "small", "place": "top left",
 *              "first": 3, "last": 6, "shown_from": 3, "shown_to": 6}, ...]}
 * questions: [{"cut": 12, "kind": "before", "text": "What came right before the red circle?",
 *              "answer": "a blue ring", "age": 4, "chance": 25}, ...]
 *            for each of cuts[n_cuts] up to per_cut of them, 0: one of each kind that can be asked */
size_t pw_truth(const pw_world* world, char* json, size_t bytes);
size_t pw_questions(const pw_world* world, const int* cuts, int n_cuts, int per_cut, uint64_t seed,
                    char* json, size_t bytes);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
