#include <algorithm>
#include <bit>
#include <map>
#include <memory>

#include "npu/checks.hpp"
#include "npu/regions.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

/// One bit an element.
class Bits {
 public:
  explicit Bits(Index count) : words_(static_cast<std::size_t>(count + 63) / 64) {}

  void set(Index first, Index count) {
    for_each_word(first, count,
                  [&](std::size_t word, std::uint64_t mask) { words_[word] |= mask; });
  }
  [[nodiscard]] Index count(Index first, Index count) const {
    Index total = 0;
    for_each_word(first, count, [&](std::size_t word, std::uint64_t mask) {
      total += std::popcount(words_[word] & mask);
    });
    return total;
  }

 private:
  template <class Visit>
  static void for_each_word(Index first, Index count, Visit visit) {
    while (count > 0) {
      const Index bit = first % 64;
      const Index taken = std::min<Index>(64 - bit, count);
      const std::uint64_t ones = taken == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << taken) - 1;
      visit(static_cast<std::size_t>(first / 64), ones << bit);
      first += taken;
      count -= taken;
    }
  }

  std::vector<std::uint64_t> words_;
};

class UndefinedReads {
 public:
  explicit UndefinedReads(const Trace& trace) : trace_(trace), written_(trace.buffers.size()) {}

  std::vector<Finding> run() {
    for (const Access& access : trace_.accesses) {
      const Region window = region(trace_, access);
      const Buffer& buffer = trace_[window.buffer];
      if (buffer.kind == BufferKind::parameter || window.empty()) continue;
      std::unique_ptr<Bits>& written = written_[window.buffer.index()];
      if (written == nullptr) written = std::make_unique<Bits>(buffer.shape.elements());
      if (access.is_write) {
        for_each_row(window, [&](Index first, Index count) { written->set(first, count); });
      } else {
        check(access, window, *written);
      }
    }
    return std::move(findings_);
  }

 private:
  void check(const Access& access, const Region& window, const Bits& written) {
    Index defined = 0;
    for_each_row(window, [&](Index first, Index count) { defined += written.count(first, count); });
    const Index undefined = window.extent.elements() - defined;
    if (undefined == 0) return;
    const Op& op = trace_[access.op];
    const std::string scope =
        op.task.valid() ? full_name(trace_, trace_[op.task].scope) : "the orchestrator";
    const std::string& tensor = trace_[window.buffer].name;
    const auto [place, is_new] = known_.try_emplace({scope, tensor}, findings_.size());
    if (!is_new) {
      ++findings_[place->second].count;
      return;
    }
    Finding finding;
    finding.kind = FindingKind::undefined_read;
    finding.tensor = tensor;
    finding.scopes = {scope};
    finding.location = op.location;
    finding.message = scope + " reads " + describe(trace_, window) + " at " +
                      to_string(trace_[op.location]) + ", where " + std::to_string(undefined) +
                      " of " + std::to_string(window.extent.elements()) +
                      " elements have not been written: nothing is zeroed. Write them before, or "
                      "read only what is written.";
    findings_.push_back(std::move(finding));
  }

  const Trace& trace_;
  std::vector<std::unique_ptr<Bits>> written_;  ///< by buffer
  std::vector<Finding> findings_;
  std::map<std::pair<std::string, std::string>, std::size_t> known_;
};

FindingKind kind_of(tile::FindingKind kind) {
  switch (kind) {
    case tile::FindingKind::undefined_output:
      return FindingKind::undefined_output;
    case tile::FindingKind::undefined_scalar:
      return FindingKind::undefined_scalar;
    case tile::FindingKind::conversion:
      return FindingKind::conversion;
    case tile::FindingKind::negative_dividend:
      return FindingKind::negative_dividend;
    case tile::FindingKind::straight_and_transposed:
      break;
  }
  return FindingKind::straight_and_transposed;
}

}  // namespace

std::vector<Finding> find_undefined_reads(const Trace& trace) {
  return UndefinedReads(trace).run();
}

std::vector<Finding> findings_of_run(const Trace& trace) {
  std::vector<Finding> findings;
  for (const tile::Finding& seen : trace.findings) {
    const Op& op = trace[seen.op];
    Finding finding;
    finding.kind = kind_of(seen.kind);
    if (seen.buffer.valid()) finding.tensor = trace[seen.buffer].name;
    if (op.task.valid()) finding.scopes = {full_name(trace, trace[op.task].scope)};
    finding.count = seen.count;
    finding.location = op.location;
    finding.message = seen.message;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace fulgurite::npu
