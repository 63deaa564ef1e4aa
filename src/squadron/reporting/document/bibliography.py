"""The works that the report cites, with their addresses."""

from __future__ import annotations

SOURCES: dict[str, tuple[str, str]] = {
    "squad": (
        "P. Rajpurkar, J. Zhang, K. Lopyrev, P. Liang. SQuAD: 100,000+ Questions for Machine Comprehension of Text. "
        "EMNLP, 2016.",
        "https://arxiv.org/abs/1606.05250",
    ),
    "gpt2": (
        "A. Radford, J. Wu, R. Child, D. Luan, D. Amodei, I. Sutskever. Language Models are Unsupervised Multitask "
        "Learners. OpenAI, 2019.",
        "",
    ),
    "lora": (
        "E. J. Hu, Y. Shen, P. Wallis, Z. Allen-Zhu, Y. Li, S. Wang, L. Wang, W. Chen. LoRA: Low-Rank Adaptation of "
        "Large Language Models. ICLR, 2022.",
        "https://arxiv.org/abs/2106.09685",
    ),
    "adapters": (
        "N. Houlsby, A. Giurgiu, S. Jastrzebski, B. Morrone, Q. de Laroussilhe, A. Gesmundo, M. Attariyan, S. Gelly. "
        "Parameter-Efficient Transfer Learning for NLP. ICML, 2019.",
        "https://arxiv.org/abs/1902.00751",
    ),
    "prefix": (
        "X. L. Li, P. Liang. Prefix-Tuning: Optimizing Continuous Prompts for Generation. ACL, 2021.",
        "https://arxiv.org/abs/2101.00190",
    ),
    "qlora": (
        "T. Dettmers, A. Pagnoni, A. Holtzman, L. Zettlemoyer. QLoRA: Efficient Finetuning of Quantized LLMs. "
        "NeurIPS, 2023.",
        "https://arxiv.org/abs/2305.14314",
    ),
    "rslora": (
        "D. Kalajdzievski. A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA. 2023.",
        "https://arxiv.org/abs/2312.03732",
    ),
    "bert": (
        "J. Devlin, M.-W. Chang, K. Lee, K. Toutanova. BERT: Pre-training of Deep Bidirectional Transformers for "
        "Language Understanding. NAACL, 2019.",
        "https://arxiv.org/abs/1810.04805",
    ),
    "awadalla": (
        "A. Awadalla, M. Wortsman, G. Ilharco, S. Min, I. Magnusson, H. Hajishirzi, L. Schmidt. Exploring the "
        "Landscape of Distributional Robustness for Question Answering Models. Findings of EMNLP, 2022.",
        "https://arxiv.org/abs/2210.12517",
    ),
    "nucleus": (
        "A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi. The Curious Case of Neural Text Degeneration. ICLR, 2020.",
        "https://arxiv.org/abs/1904.09751",
    ),
    "holm": (
        "S. Holm. A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal of Statistics 6, 1979.",
        "",
    ),
    "leaderboard": (
        "P. Rajpurkar. SQuAD: The Stanford Question Answering Dataset, leaderboard of version 1.1.",
        "https://rajpurkar.github.io/SQuAD-explorer/",
    ),
    "loraplus": (
        "S. Hayou, N. Ghosh, B. Yu. LoRA+: Efficient Low Rank Adaptation of Large Models. ICML, 2024.",
        "https://arxiv.org/abs/2402.12354",
    ),
    "forgets": (
        "D. Biderman, J. Portes, J. J. Gonzalez Ortiz, M. Paul, P. Greengard, C. Jennings, D. King, S. Havens, "
        "V. Chiley, J. Frankle, C. Blakeney, J. P. Cunningham. LoRA Learns Less and Forgets Less. TMLR, 2024.",
        "https://arxiv.org/abs/2405.09673",
    ),
    "intrinsic": (
        "A. Aghajanyan, S. Gupta, L. Zettlemoyer. Intrinsic Dimensionality Explains the Effectiveness of Language "
        "Model Fine-Tuning. ACL, 2021.",
        "https://arxiv.org/abs/2012.13255",
    ),
    "regret": (
        "J. Schulman and Thinking Machines Lab. LoRA Without Regret. Thinking Machines Lab: Connectionism, 2025.",
        "https://thinkingmachines.ai/blog/lora/",
    ),
    "mover": (
        "G. Y. Zou, A. Donner. Construction of Confidence Limits About Effect Measures: A General Approach. Statistics "
        "in Medicine 27, 2008.",
        "",
    ),
    "effective": (
        "O. Roy, M. Vetterli. The Effective Rank: A Measure of Effective Dimensionality. EUSIPCO, 2007.",
        "",
    ),
    "twoway": (
        "A. C. Cameron, J. B. Gelbach, D. L. Miller. Robust Inference With Multiway Clustering. Journal of Business & "
        "Economic Statistics 29, 2011.",
        "",
    ),
}
"""Text and address of each work (empty if it has no stable address), by the key in ``[@key]``."""
