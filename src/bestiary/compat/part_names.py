"""Parts of published models that are one shared class here, under the names that scripts import and ask `isinstance` by.

A family that has a part to itself shows it in its own module; see `family_files` for these.
"""

# "module:name" of ours -> family.Name of the published ones, each shown by models.FAMILY.modeling_FAMILY
PART_NAMES = {
    "modeling.block_sparse:BlockSparseSelfAttention": """
    big_bird.BigBirdBlockSparseAttention big_bird.BigBirdSelfAttention bigbird_pegasus.BigBirdPegasusBlockSparseAttention
    bigbird_pegasus.BigBirdPegasusSelfAttention
    """,
    "modeling.decoder_layers:PlainMLP": "gpt_neo.GPTNeoMLP",
    "modeling.decoder_layers:SelfAttention": "biogpt.BioGptAttention",
    "modeling.detector:DetectorAttention": "detr.DetrCrossAttention detr.DetrSelfAttention",
    "modeling.encoder:EncoderAttention": """
    camembert.CamembertAttention electra.ElectraAttention roberta.RobertaAttention xlm_roberta.XLMRobertaAttention
    """,
    "modeling.encoder:EncoderIntermediate": """
    big_bird.BigBirdIntermediate camembert.CamembertIntermediate convbert.ConvBertIntermediate deberta.DebertaIntermediate
    deberta_v2.DebertaV2Intermediate electra.ElectraIntermediate esm.EsmIntermediate longformer.LongformerIntermediate
    mpnet.MPNetIntermediate roberta.RobertaIntermediate roformer.RoFormerIntermediate xlm_roberta.XLMRobertaIntermediate
    xlm_roberta_xl.XLMRobertaXLIntermediate
    """,
    "modeling.encoder:EncoderOutput": """
    big_bird.BigBirdOutput camembert.CamembertOutput convbert.ConvBertOutput deberta.DebertaOutput
    deberta.DebertaSelfOutput deberta_v2.DebertaV2Output deberta_v2.DebertaV2SelfOutput electra.ElectraOutput
    longformer.LongformerOutput mpnet.MPNetOutput roberta.RobertaOutput roformer.RoFormerOutput
    xlm_roberta.XLMRobertaOutput
    """,
    "modeling.encoder:EncoderPooler": """
    camembert.CamembertPooler longformer.LongformerPooler roberta.RobertaPooler xlm_roberta.XLMRobertaPooler
    xlm_roberta_xl.XLMRobertaXLPooler
    """,
    "modeling.encoder:EncoderSelfAttention": """
    bert.BertCrossAttention camembert.CamembertCrossAttention camembert.CamembertSelfAttention
    electra.ElectraCrossAttention electra.ElectraSelfAttention roberta.RobertaCrossAttention roberta.RobertaSelfAttention
    xlm_roberta.XLMRobertaCrossAttention xlm_roberta.XLMRobertaSelfAttention xlm_roberta_xl.XLMRobertaXLCrossAttention
    xlm_roberta_xl.XLMRobertaXLSelfAttention
    """,
    "modeling.encoder:EncoderSelfOutput": """
    big_bird.BigBirdSelfOutput camembert.CamembertSelfOutput convbert.ConvBertSelfOutput electra.ElectraSelfOutput
    longformer.LongformerSelfOutput roberta.RobertaSelfOutput roformer.RoFormerSelfOutput xlm_roberta.XLMRobertaSelfOutput
    """,
    "modeling.encoder:EncoderStack": """
    camembert.CamembertEncoder convbert.ConvBertEncoder distilbert.Transformer electra.ElectraEncoder
    longformer.LongformerEncoder mobilebert.MobileBertEncoder roberta.RobertaEncoder xlm_roberta.XLMRobertaEncoder
    """,
    "modeling.heads.beam_question_answering:PoolerAnswerClass": "xlm.XLMPoolerAnswerClass xlnet.XLNetPoolerAnswerClass",
    "modeling.heads.beam_question_answering:PoolerEndLogits": "xlm.XLMPoolerEndLogits xlnet.XLNetPoolerEndLogits",
    "modeling.heads.beam_question_answering:PoolerStartLogits": "xlm.XLMPoolerStartLogits xlnet.XLNetPoolerStartLogits",
    "modeling.heads.beam_question_answering:SQuADHead": "xlm.XLMSQuADHead",
    "modeling.heads.next_sentence_prediction:NextSentenceHead": "mobilebert.MobileBertOnlyNSPHead",
    "modeling.heads.pretraining:PreTrainingHeads": """
    big_bird.BigBirdPreTrainingHeads mobilebert.MobileBertPreTrainingHeads
    """,
    "modeling.heads.replaced_tokens:DiscriminatorPredictions": """
    electra.ElectraDiscriminatorPredictions funnel.FunnelDiscriminatorPredictions
    """,
    "modeling.heads.sequence_classification:ClassificationHead": """
    bart.BartClassificationHead big_bird.BigBirdClassificationHead bigbird_pegasus.BigBirdPegasusClassificationHead
    camembert.CamembertClassificationHead convbert.ConvBertClassificationHead electra.ElectraClassificationHead
    esm.EsmClassificationHead jina_embeddings_v3.JinaEmbeddingsV3ClassificationHead
    longformer.LongformerClassificationHead mbart.MBartClassificationHead mpnet.MPNetClassificationHead
    mt5.MT5ClassificationHead roberta.RobertaClassificationHead roformer.RoFormerClassificationHead
    t5.T5ClassificationHead umt5.UMT5ClassificationHead xlm_roberta.XLMRobertaClassificationHead
    xlm_roberta_xl.XLMRobertaXLClassificationHead
    """,
    "modeling.heads.sequence_summary:SequenceSummary": """
    convbert.ConvBertSequenceSummary electra.ElectraSequenceSummary roformer.RoFormerSequenceSummary
    xlm.XLMSequenceSummary xlnet.XLNetSequenceSummary
    """,
    "modeling.heads.transformed_language:DenseLMHead": """
    camembert.CamembertLMHead jina_embeddings_v3.JinaEmbeddingsV3LMHead longformer.LongformerLMHead mpnet.MPNetLMHead
    xlm_roberta.XLMRobertaLMHead xlm_roberta_xl.XLMRobertaXLLMHead
    """,
    "modeling.heads.transformed_language:LMPredictionHead": """
    big_bird.BigBirdLMPredictionHead deberta.LegacyDebertaLMPredictionHead deberta_v2.LegacyDebertaV2LMPredictionHead
    roformer.RoFormerLMPredictionHead
    """,
    "modeling.heads.transformed_language:PredictionHeadTransform": """
    big_bird.BigBirdPredictionHeadTransform deberta.LegacyDebertaPredictionHeadTransform
    deberta_v2.LegacyDebertaV2PredictionHeadTransform roformer.RoFormerPredictionHeadTransform
    """,
    "modeling.heads.transformed_language:PredictionsHead": """
    big_bird.BigBirdOnlyMLMHead mobilebert.MobileBertOnlyMLMHead nomic_bert.NomicBertOnlyMLMHead
    roformer.RoFormerOnlyMLMHead
    """,
    "modeling.local_attention:LocalSelfAttention": "led.LEDEncoderSelfAttention",
    "modeling.mixture:ExpertsFirstMixture": "qwen3_moe.Qwen3MoeSparseMoeBlock",
    "modeling.mixture:Mixture": "olmoe.OlmoeSparseMoeBlock",
    "modeling.patched_series:PatchAttention": "patchtsmixer.PatchTSMixerAttention",
    "modeling.patched_series:StepNorm": "patchtsmixer.PatchTSMixerBatchNorm patchtst.PatchTSTBatchNorm",
    "modeling.rotary_encoder:GatedMLP": "nomic_bert.NomicBertMLP",
    "modeling.rotary_encoder:RotaryEncoderAttention": "gte.GteAttention jina_embeddings_v3.JinaEmbeddingsV3Attention",
    "modeling.seq2seq_layers:Seq2SeqAttention": """
    bart.BartAttention bigbird_pegasus.BigBirdPegasusDecoderAttention blenderbot.BlenderbotAttention
    informer.InformerAttention led.LEDDecoderAttention m2m_100.M2M100Attention marian.MarianAttention mbart.MBartAttention
    nllb_moe.NllbMoeAttention pegasus.PegasusAttention time_series_transformer.TimeSeriesTransformerAttention
    whisper.WhisperAttention xglm.XGLMAttention
    """,
    "modeling.seq2seq_mixture:NamedExperts": "switch_transformers.SwitchTransformersExperts",
    "modeling.series:FeatureEmbedder": """
    autoformer.AutoformerFeatureEmbedder informer.InformerFeatureEmbedder
    time_series_transformer.TimeSeriesFeatureEmbedder
    """,
    "modeling.series:ValueEmbedding": """
    autoformer.AutoformerValueEmbedding informer.InformerValueEmbedding time_series_transformer.TimeSeriesValueEmbedding
    """,
    "modeling.state_space:StateSpaceMixer": """
    bamba.BambaMixer granitemoehybrid.GraniteMoeHybridMambaLayer zamba2.Zamba2MambaMixer
    """,
    "models.deberta.model:DebertaSelfAttention": "deberta.DisentangledSelfAttention",
    "models.deberta_v2.model:ContextPooler": "deberta.ContextPooler",
    "models.deberta_v2.model:DebertaV2SelfAttention": "deberta_v2.DisentangledSelfAttention",
    "models.deepseek_v3.model:DeepseekV3MoE": "deepseek_v32.DeepseekV32MoE kimi_linear.KimiLinearMoE",
    "models.detr.segmentation:DetrMHAttentionMap": "detr.DetrMHAttentionMap",
    "models.detr.segmentation:DetrMaskHead": "detr.DetrMaskHeadSmallConv",
    "models.esm.model:EsmOutput": "esm.EsmSelfOutput",
    "models.fsmt:FSMTDecoderLayer": "fsmt.DecoderLayer",
    "models.fsmt:FSMTEncoderLayer": "fsmt.EncoderLayer",
    "models.gpt2.model:GPT2Attention": "decision_transformer.DecisionTransformerGPT2Attention",
    "models.gpt2.model:GPT2Block": "decision_transformer.DecisionTransformerGPT2Block",
    "models.gpt2.model:GPT2MLP": "decision_transformer.DecisionTransformerGPT2MLP",
    "models.granitemoe.model:GraniteMoeMoE": "granitemoehybrid.GraniteMoeHybridMoE",
    "models.jamba:JambaDecoderLayer": "jamba.JambaAttentionDecoderLayer jamba.JambaMambaDecoderLayer",
    "models.llama.model:LlamaAttention": "t5gemma.T5GemmaSelfAttention",
    "models.mixtral.model:MixtralSparseMoeBlock": "minimax.MiniMaxSparseMoeBlock",
    "models.mobilebert.model:MobileBertAdd": """
    mobilebert.FFNOutput mobilebert.MobileBertSelfOutput mobilebert.OutputBottleneck
    """,
    "models.patchtsmixer.heads:InjectScalerStatistics4D": "patchtsmixer.InjectScalerStatistics4D",
    "models.patchtsmixer.heads:PatchTSMixerForPredictionHead": "patchtsmixer.PatchTSMixerForPredictionHead",
    "models.patchtsmixer.heads:PatchTSMixerLinearHead": "patchtsmixer.PatchTSMixerLinearHead",
    "models.patchtsmixer.heads:PatchTSMixerPretrainHead": "patchtsmixer.PatchTSMixerPretrainHead",
    "models.patchtst.heads:PatchTSTClassificationHead": "patchtst.PatchTSTClassificationHead",
    "models.patchtst.heads:PatchTSTMaskPretrainHead": "patchtst.PatchTSTMaskPretrainHead",
    "models.patchtst.heads:PatchTSTPredictionHead": "patchtst.PatchTSTPredictionHead",
    "models.patchtst.heads:PatchTSTRegressionHead": "patchtst.PatchTSTRegressionHead",
    "models.qwen2_moe.model:Qwen2MoeMixture": "qwen2_moe.Qwen2MoeSparseMoeBlock",
    "models.reformer.layers:AxialPositionEmbeddings": "reformer.AxialPositionEmbeddings",
    "models.reformer.layers:ChunkReformerFeedForward": "reformer.ChunkReformerFeedForward",
    "models.reformer.layers:PositionEmbeddings": "reformer.PositionEmbeddings",
    "models.reformer.layers:Projection": """
    reformer.ReformerFeedForwardDense reformer.ReformerFeedForwardOutput reformer.ReformerSelfOutput
    """,
    "models.resnet.model:ResNetConvLayer": "resnet.ResNetShortCut",
    "models.resnet.model:ResNetLayer": "resnet.ResNetBasicLayer resnet.ResNetBottleNeckLayer",
    "models.t5gemma.model:T5GemmaLMHead": "t5gemma.T5GemmaClassificationHead",
    "models.whisper.heads:WhisperDecoderWrapper": "whisper.WhisperDecoderWrapper",
    "models.xlm_roberta_xl.model:XLMRobertaXLOutput": "xlm_roberta_xl.XLMRobertaXLSelfOutput",
    "nn.embeddings:BatchPositions": "bart.BartLearnedPositionalEmbedding mbart.MBartLearnedPositionalEmbedding",
    "nn.embeddings:ComputedPositions": """
    m2m_100.M2M100SinusoidalPositionalEmbedding nllb_moe.NllbMoeSinusoidalPositionalEmbedding
    """,
    "nn.embeddings:FixedPositions": """
    autoformer.AutoformerSinusoidalPositionalEmbedding informer.InformerSinusoidalPositionalEmbedding
    marian.MarianSinusoidalPositionalEmbedding pegasus.PegasusSinusoidalPositionalEmbedding
    roformer.RoFormerSinusoidalPositionalEmbedding time_series_transformer.TimeSeriesSinusoidalPositionalEmbedding
    """,
    "nn.embeddings:MaskedPositions": "biogpt.BioGptLearnedPositionalEmbedding opt.OPTLearnedPositionalEmbedding",
    "nn.embeddings:ScaledEmbedding": """
    bart.BartScaledWordEmbedding bigbird_pegasus.BigBirdPegasusScaledWordEmbedding biogpt.BioGptScaledWordEmbedding
    blenderbot.BlenderbotScaledWordEmbedding gemma.GemmaTextScaledWordEmbedding gemma2.Gemma2TextScaledWordEmbedding
    m2m_100.M2M100ScaledWordEmbedding mbart.MBartScaledWordEmbedding nllb_moe.NllbMoeScaledWordEmbedding
    xglm.XGLMScaledWordEmbedding
    """,
    "nn.embeddings:TextPositions": """
    bigbird_pegasus.BigBirdPegasusLearnedPositionalEmbedding blenderbot.BlenderbotLearnedPositionalEmbedding
    led.LEDLearnedPositionalEmbedding whisper.WhisperPositionalEmbedding
    """,
    "nn.grid_positions:LearnedGridPositions": "detr.DetrLearnedPositionEmbedding",
    "nn.moe:Experts": """
    deepseek_v2.DeepseekV2Experts deepseek_v3.DeepseekV3Experts deepseek_v32.DeepseekV32Experts glm4_moe.Glm4MoeExperts
    granitemoe.GraniteMoeExperts granitemoehybrid.GraniteMoeHybridExperts jamba.JambaExperts kimi_linear.KimiLinearExperts
    minimax.MiniMaxExperts minimax_m2.MiniMaxM2Experts mixtral.MixtralExperts olmoe.OlmoeExperts phimoe.PhimoeExperts
    qwen2_moe.Qwen2MoeExperts qwen3_moe.Qwen3MoeExperts qwen3_next.Qwen3NextExperts
    """,
    "nn.moe:GroupedRouter": """
    deepseek_v3.DeepseekV3TopkRouter deepseek_v32.DeepseekV32TopkRouter glm4_moe.Glm4MoeTopkRouter
    kimi_linear.KimiLinearTopkRouter nemotron_h.NemotronHTopkRouter
    """,
    "nn.moe:Router": """
    gpt_oss.GptOssTopKRouter granitemoe.GraniteMoeTopKRouter granitemoehybrid.GraniteMoeHybridTopKRouter
    jamba.JambaTopKRouter jetmoe.JetMoeTopKGating minimax.MiniMaxTopKRouter mixtral.MixtralTopKRouter
    olmoe.OlmoeTopKRouter qwen2_moe.Qwen2MoeTopKRouter qwen3_moe.Qwen3MoeTopKRouter qwen3_next.Qwen3NextTopKRouter
    """,
    "nn.moe:SparseMixer": "phimoe.PhimoeTopKRouter",
    "nn.norm:BiaslessLayerNorm": "cohere.CohereLayerNorm cohere2.Cohere2LayerNorm",
    "nn.norm:FullPrecisionRMSNorm": "gpt_oss.GptOssRMSNorm nemotron_h.NemotronHRMSNorm olmo3.Olmo3RMSNorm",
    "nn.norm:GatedRMSNorm": """
    bamba.BambaRMSNormGated granitemoehybrid.GraniteMoeHybridRMSNormGated mamba2.MambaRMSNormGated
    nemotron_h.NemotronHRMSNormGated qwen3_next.Qwen3NextRMSNormGated zamba2.Zamba2RMSNormGated
    """,
    "nn.norm:RMSNorm": """
    bamba.BambaRMSNorm deepseek_v2.DeepseekV2RMSNorm deepseek_v3.DeepseekV3RMSNorm deepseek_v32.DeepseekV32RMSNorm
    ernie4_5.Ernie4_5RMSNorm falcon_h1.FalconH1RMSNorm falcon_mamba.FalconMambaRMSNorm glm.GlmRMSNorm glm4.Glm4RMSNorm
    granitemoehybrid.GraniteMoeHybridRMSNorm jamba.JambaRMSNorm kimi_linear.KimiLinearRMSNorm lfm2.Lfm2RMSNorm
    mamba.MambaRMSNorm mamba2.Mamba2RMSNorm minimax.MiniMaxRMSNorm minimax_m2.MiniMaxM2RMSNorm
    ministral3.Ministral3RMSNorm timesfm.TimesFmRMSNorm timesfm2_5.TimesFm2_5RMSNorm zamba2.Zamba2RMSNorm
    """,
    "nn.norm:ShiftedLayerNorm": "nemotron.NemotronLayerNorm1P",
    "nn.norm:ShiftedRMSNorm": """
    gemma.GemmaRMSNorm gemma2.Gemma2RMSNorm qwen3_next.Qwen3NextRMSNorm t5gemma.T5GemmaRMSNorm
    """,
    "nn.norm:WeightlessLayerNorm": "olmo.OlmoLayerNorm",
    "nn.pooling:FirstTokenPooler": """
    esm.EsmPooler gte.GtePooler jina_embeddings_v3.JinaEmbeddingsV3Pooler mpnet.MPNetPooler nomic_bert.NomicBertPooler
    """,
    "nn.scalers:MeanScaler": """
    autoformer.AutoformerMeanScaler informer.InformerMeanScaler patchtsmixer.PatchTSMixerMeanScaler
    time_series_transformer.TimeSeriesMeanScaler
    """,
    "nn.scalers:NoScaler": """
    autoformer.AutoformerNOPScaler informer.InformerNOPScaler patchtsmixer.PatchTSMixerNOPScaler
    time_series_transformer.TimeSeriesNOPScaler
    """,
    "nn.scalers:StdScaler": """
    autoformer.AutoformerStdScaler informer.InformerStdScaler patchtsmixer.PatchTSMixerStdScaler
    time_series_transformer.TimeSeriesStdScaler
    """,
}
# Those whose modules give cosines and sines of positions.
ROTARY = """
bamba.BambaRotaryEmbedding cohere.CohereRotaryEmbedding cohere2.Cohere2RotaryEmbedding dbrx.DbrxRotaryEmbedding
deepseek_v2.DeepseekV2RotaryEmbedding deepseek_v3.DeepseekV3RotaryEmbedding deepseek_v32.DeepseekV32RotaryEmbedding
ernie4_5.Ernie4_5RotaryEmbedding eurobert.EuroBertRotaryEmbedding falcon_h1.FalconH1RotaryEmbedding glm.GlmRotaryEmbedding
glm4.Glm4RotaryEmbedding gpt_oss.GptOssRotaryEmbedding granitemoehybrid.GraniteMoeHybridRotaryEmbedding gte.GteRotaryEmbedding
jetmoe.JetMoeRotaryEmbedding jina_embeddings_v3.JinaEmbeddingsV3RotaryEmbedding lfm2.Lfm2RotaryEmbedding
minimax.MiniMaxRotaryEmbedding minimax_m2.MiniMaxM2RotaryEmbedding ministral3.Ministral3RotaryEmbedding
modernbert.ModernBertRotaryEmbedding nomic_bert.NomicBertRotaryEmbedding olmo3.Olmo3RotaryEmbedding
qwen3_next.Qwen3NextRotaryEmbedding t5gemma.T5GemmaRotaryEmbedding timesfm2_5.TimesFm2_5RotaryEmbedding
zamba2.Zamba2RotaryEmbedding
"""
# Families whose rotary positions turn the halves of a head, as Llama's do: with what the names of their blocks begin.
_BY_HALVES = """
exaone4:Exaone4 falcon:Falcon gemma:Gemma gemma2:Gemma2 glm4_moe:Glm4Moe gpt_neox:GPTNeoX granite:Granite
granitemoe:GraniteMoe hunyuan_v1_dense:HunYuanDenseV1 llama:Llama ministral:Ministral mistral:Mistral mixtral:Mixtral
nemotron:Nemotron olmo2:Olmo2 olmo:Olmo olmoe:Olmoe phi3:Phi3 phi:Phi phimoe:Phimoe qwen2:Qwen2 qwen2_moe:Qwen2Moe
qwen3:Qwen3 qwen3_moe:Qwen3Moe seed_oss:SeedOss smollm3:SmolLM3 stablelm:StableLm starcoder2:Starcoder2
"""
ROTARY_BY_HALVES = dict(pair.split(":") for pair in _BY_HALVES.split())
# Those of them whose norms are the plain root mean square, and have no class of the name.
PLAIN_NORMS = """
exaone4 glm4_moe granite granitemoe hunyuan_v1_dense llama ministral mistral mixtral olmo2 phi3 qwen2_moe qwen3 qwen3_moe
seed_oss smollm3
"""
