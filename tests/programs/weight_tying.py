"""A bigram-and-context language model whose output layer shares the embedding's weight."""

import numpy as np
import torch
import torch.nn as nn
from torch.nn import functional as F

rng = np.random.default_rng(5)
text = "the cat sat on the mat and the dog sat on the log while the cat ran " * 4
letters = sorted(set(text))
ids = torch.tensor([letters.index(c) for c in text])


class Model(nn.Module):
    def __init__(self, vocabulary, width, context):
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(vocabulary, width))
        self.mix = nn.Linear(context * width, width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embedding

    def forward(self, tokens):
        x = self.embedding[tokens].flatten(start_dim=1)
        return self.head(torch.tanh(self.mix(x)))


context = 3
model = Model(len(letters), 12, context)
with torch.no_grad():
    for name, p in model.named_parameters():
        p.copy_(torch.from_numpy(rng.normal(scale=0.3, size=tuple(p.shape))))
assert model.head.weight is model.embedding and len(list(model.parameters())) == 3
assert "head.weight" in model.state_dict()

windows = torch.stack([ids[i : i + context] for i in range(len(ids) - context)])
targets = ids[context:]
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
losses = []
for step in range(60):
    loss = F.cross_entropy(model(windows), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
