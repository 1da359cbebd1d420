#include "npu/cores.hpp"

#include <algorithm>
#include <tuple>

namespace fulgurite::npu {

using tile::TaskKind;

namespace {

std::int32_t at_least_one(double count) {
  return std::max(1, static_cast<std::int32_t>(std::min(count, 1e6)));
}

}  // namespace

Cores::Cores(const Chip& chip)
    : clusters_(at_least_one(chip.clusters)),
      vectors_(at_least_one(chip.aiv_per_cluster)),
      most_subtasks_(1 + static_cast<int>(std::min(chip.pending_per_core, 1e6))),
      states_(at(clusters_ * (1 + vectors_))),
      owner_(at(clusters_)),
      idle_(at(at_least_one(chip.schedulers))) {
  for (std::int64_t scheduler = 0; scheduler <= schedulers(); ++scheduler) {
    first_of_.push_back(static_cast<std::int32_t>(scheduler * clusters_ / schedulers()));
  }
  for (int scheduler = 0; scheduler < schedulers(); ++scheduler) {
    const std::int32_t end = first_of_[at(scheduler) + 1];
    for (std::int32_t cluster = first_of_[at(scheduler)]; cluster < end; ++cluster) {
      owner_[at(cluster)] = scheduler;
      set_idle(TaskKind::mixed, cluster, cluster, 0);
      for (int part = 0; part < parts(TaskKind::mixed); ++part) {
        const std::int32_t number = core(TaskKind::mixed, cluster, part);
        set_idle(kind_of(number), number, cluster, 0);
      }
    }
  }
}

int Cores::parts(TaskKind kind) const { return kind == TaskKind::mixed ? 1 + vectors_ : 1; }

std::int32_t Cores::core(TaskKind kind, std::int32_t place, int part) const {
  if (kind != TaskKind::mixed || part == 0) return place;
  return clusters_ + vectors_ * place + part - 1;
}

TaskKind Cores::kind_of(std::int32_t core) const {
  return core < clusters_ ? TaskKind::cube : TaskKind::vector;
}

std::int32_t Cores::cluster_of(std::int32_t core) const {
  return core < clusters_ ? core : (core - clusters_) / vectors_;
}

bool Cores::is_idle(std::int32_t cluster) const {
  for (int part = 0; part < parts(TaskKind::mixed); ++part) {
    if (states_[at(core(TaskKind::mixed, cluster, part))].subtasks != 0) return false;
  }
  return true;
}

void Cores::set_idle(TaskKind kind, std::int32_t place, std::int32_t cluster, double now_us) {
  if (!idle_[at(owner_[at(cluster)])][index(kind)].insert(place).second) return;
  if (idle_count_[index(kind)]++ == 0) since_us_[index(kind)] = now_us;
}

void Cores::set_taken(TaskKind kind, std::int32_t place, std::int32_t cluster) {
  if (idle_[at(owner_[at(cluster)])][index(kind)].erase(place) != 0) --idle_count_[index(kind)];
}

std::int32_t Cores::idle_place(int scheduler, TaskKind kind) const {
  const std::set<std::int32_t>& places = idle_[at(scheduler)][index(kind)];
  return places.empty() ? kNone : *places.begin();
}

std::int32_t Cores::staging_place(int scheduler, TaskKind kind) const {
  const bool is_vector = kind == TaskKind::vector;
  const std::int32_t each = is_vector ? vectors_ : 1;
  const std::int32_t base = is_vector ? clusters_ : 0;
  const std::int32_t end = base + each * first_of_[at(scheduler) + 1];
  std::int32_t best = kNone;
  std::tuple<int, double> best_load{most_subtasks_, 0};
  for (std::int32_t place = base + each * first_of_[at(scheduler)]; place < end; ++place) {
    std::tuple<int, double> load{0, 0};
    for (int part = 0; part < parts(kind); ++part) {
      const State& state = states_[at(core(kind, place, part))];
      load = std::max(load, {state.subtasks, state.given_us});
    }
    if (std::get<0>(load) >= most_subtasks_ || (best != kNone && load >= best_load)) continue;
    best = place;
    best_load = load;
  }
  return best;
}

void Cores::occupy(std::int32_t core, double now_us, double end_us) {
  State& state = states_[at(core)];
  const std::int32_t cluster = cluster_of(core);
  if (state.subtasks++ == 0) {
    set_taken(kind_of(core), core, cluster);
    set_taken(TaskKind::mixed, cluster, cluster);
  }
  state.given_us = now_us;
  state.end_us = end_us;
}

void Cores::release(std::int32_t core, double now_us) {
  if (--states_[at(core)].subtasks != 0) return;
  const std::int32_t cluster = cluster_of(core);
  set_idle(kind_of(core), core, cluster, now_us);
  if (is_idle(cluster)) set_idle(TaskKind::mixed, cluster, cluster, now_us);
}

}  // namespace fulgurite::npu
