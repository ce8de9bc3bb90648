// Shared by the benches of the UDP and the HTTP path: their options, those of the tracker, and the rounds
// they measure.

#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "bench/measure.h"
#include "node/tracker/tracker_settings.h"

namespace shoal::bench {

struct PathArguments {
  uint32_t torrents;
  uint32_t peers;
  uint64_t answers;
  uint64_t rounds;
  uint32_t numwant;
};

inline void add_options(CLI::App& app, PathArguments& out, uint32_t peers_max) {
  app.add_option("--torrents", out.torrents)->check(CLI::PositiveNumber);
  app.add_option("--peers", out.peers, "peers announced once before the rounds")
      ->check(CLI::Range(64U, peers_max));
  app.add_option("--answers", out.answers, "answers in one round");
  app.add_option("--rounds", out.rounds, "timed rounds; 0: one untimed round, for callgrind");
  app.add_option("--numwant", out.numwant);
}

inline node::TrackerSettings tracker_settings() {
  node::Options options;
  options.tracker.interval_s = 1800;
  options.tracker.interval_jitter = 0.1;
  options.tracker.numwant_default = 50;
  options.tracker.numwant_max = 200;
  return node::tracker_settings(options, nullptr, nullptr);
}

// What a round has served. `overhead_ns` is not the path's own.
struct Served {
  uint64_t answers;
  uint64_t bytes;
  uint64_t overhead_ns;
};

// Calls `serve(answers)`, which returns a Served, for each round, and prints CPU time and bytes per answer.
// Returns false if a request was not answered.
template <class Serve>
bool run_rounds(const PathArguments& arguments, Serve serve) {
  bool all = true;
  for (uint64_t round = 0; round < std::max<uint64_t>(1, arguments.rounds); ++round) {
    const uint64_t start_ns = thread_cpu_ns();
    const Served served = serve(arguments.answers);
    const auto spent_ns = static_cast<double>(thread_cpu_ns() - start_ns - served.overhead_ns);
    all &= served.answers == arguments.answers;
    const auto answers = static_cast<double>(served.answers);
    if (arguments.rounds == 0) continue;
    std::printf("%.1f ns per answer, %.1f bytes each\n", spent_ns / answers,
                static_cast<double>(served.bytes) / answers);
  }
  if (!all) std::fprintf(stderr, "not every request was answered, or some with a failure\n");
  return all;
}

}  // namespace shoal::bench
