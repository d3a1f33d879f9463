/** Brings scores in place to 0..100 by the highest of them; `reverse` where less is better. */
export function normalizeScores(scores: number[], reverse = false): void {
  const highest = Math.max(0, ...scores);
  for (const [index, score] of scores.entries()) {
    const scaled = highest === 0 ? 0 : Math.floor((score * 100) / highest);
    scores[index] = reverse ? 100 - scaled : scaled;
  }
}
