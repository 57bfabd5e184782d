async (texts) => {
  // Runs inside the page: what the model says after each text, through the page's own modules.
  const { Api } = await import("/static-ui/core/api.mjs");
  const { Law, NEUTRAL, runChain } = await import("/static-ui/core/sampling.mjs");
  const api = new Api("/api/v1", "presets");
  const model = (await api.models()).default;
  const vocab = await api.vocab(model);
  const decoder = new TextDecoder();
  const name = (id) => decoder.decode(vocab.bytes(id));
  const told = {};
  for (const text of texts) {
    const { token_ids } = await api.tokens({ model, text });
    const { step_id } = await api.step({ model, token_ids, seed: 1, attempt: 0 });
    const law = new Law(await api.logits(step_id));
    const shares = (settings) => {
      const outcome = runChain(law, { ...NEUTRAL, ...settings });
      return Object.fromEntries([...law.ranked.subarray(0, 2000)].map((id) => [name(id), 100 * outcome.probability(id)]));
    };
    told[text] = {
      tokens: token_ids.map(name),
      ranks: Object.fromEntries([...law.ranked.subarray(0, 2000)].map((id, i) => [name(id), i + 1])),
      percent: shares({}), cold: shares({ temperature: 0.5 }), hot: shares({ temperature: 1.5 }),
      entropyBits: law.entropyBits,
      others: 100 * runChain(law, NEUTRAL).others(10).probability,
      nucleus: runChain(law, { ...NEUTRAL, top_p: 0.9 }).nSurvivors,
      first: name(law.ranked[0]),
      firstIsEnd: vocab.isEnd(law.ranked[0]),
      firstPercent: 100 * law.probability(law.ranked[0]),
    };
  }
  return told;
}
