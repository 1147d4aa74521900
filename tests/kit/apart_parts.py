"""Parts of published models whose calls are not answered here as there: reason -> names of published classes."""

_ABSENT = {
    "activations are functions here, which take no hooks": """
    BloomGelu GELUActivation GELUTanh NewGELUActivation QuickGELUActivation ReLUSquaredActivation SiLUActivation
    """,
    "the published model holds what is one module here, or a plain function": """
    CvtSelfAttentionLinearProjection LogBinomialSoftmax Swin2SRPatchUnEmbeddings
    AutoformerSeriesDecompositionLayer ConditionalDetrFrozenBatchNorm2d ConditionalDetrMLP
    ConditionalDetrSinePositionEmbedding DeformableDetrFrozenBatchNorm2d DeformableDetrMLP
    DeformableDetrSinePositionEmbedding MultiScaleDeformableAttention DetrFrozenBatchNorm2d DetrMLP DetrSinePositionEmbedding
    FalconMambaWeightlessRMSNorm PatchTSMixerPatchify PatchTSTPatchify PatchTSTStdScaler ResNetBackbone
    ResNetBottleNeckLayer ResNetConvLayer ResNetEmbeddings ResNetEncoder ResNetShortCut ResNetStage ViTAttention
    ViTLayer ViTMLP SwinMLP DeiTAttention DeiTLayer DeiTMLP IJepaAttention IJepaLayer IJepaMLP
    RTDetrAIFILayer RTDetrEncoderLayer RTDetrMLP RTDetrSelfAttention RTDetrSinePositionEmbedding RTDetrV2AIFILayer
    RTDetrV2EncoderLayer RTDetrV2MLP RTDetrV2SelfAttention RTDetrV2SinePositionEmbedding DFineAIFILayer DFineEncoderLayer
    DFineMLP DFineSelfAttention DFineSinePositionEmbedding DFineIntegral
    TableTransformerSinePositionEmbedding VivitAttention VivitLayer VivitMLP
    InterpolateInitialPositionEmbeddings
    ViTMAEAttention ViTMAELayer ViTMAEMLP ViTMSNAttention ViTMSNLayer ViTMSNMLP
    PixioAttention PixioDropPath PixioLayer PixioMLP
    BeitAttention BeitDropPath BeitLayer BeitMLP BeitRelativePositionBias
    MaskFormerSinePositionEmbedding MaskFormerDetrMLP Sam2SinePositionEmbedding
    Mask2FormerSinePositionEmbedding
    """,
}
_OTHERWISE = {
    "the published form has masks, distances or memories of its own kind": """
    LightGlueMatchAssignmentLayer LightGluePositionalEncoder LightGlueTransformerLayer
    MaskFormerSwinSelfAttention MaskFormerSwinSelfOutput MaskFormerSwinAttention MaskFormerSwinIntermediate
    MaskFormerSwinLayer MaskFormerSwinPatchMerging MaskFormerSwinStage MaskFormerSwinEncoder
    MaskFormerPixelDecoder MaskFormerPixelLevelModule MaskFormerDetrSelfAttention
    MaskFormerDetrCrossAttention MaskFormerDetrDecoderLayer MaskFormerDetrDecoder MaskFormerTransformerModule
    MaskFormerSwinEmbeddings MaskFormerSwinPatchEmbeddings
    Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention Mask2FormerPixelDecoderEncoderLayer
    Mask2FormerPixelDecoderEncoderOnly Mask2FormerPixelDecoder Mask2FormerPixelLevelModule Mask2FormerTransformerModule
    Mask2FormerMaskedAttentionDecoder Mask2FormerMaskedAttentionDecoderLayer Mask2FormerAttention
    Mask2FormerMaskPredictor
    Attention EmbeddingGemma2TextPLE EmbeddingGemma2TextPLEBlock BigBirdAttention BigBirdBlockSparseAttention
    BigBirdEncoder BigBirdLayer
    BigBirdPegasusBlockSparseAttention BigBirdPegasusEncoderAttention BigBirdPegasusEncoderLayer BloomAttention
    BloomMLP ConditionalDetrDecoder ConditionalDetrDecoderCrossAttention ConditionalDetrDecoderLayer
    ConditionalDetrDecoderSelfAttention ConditionalDetrEncoder ConditionalDetrEncoderLayer ConditionalDetrSelfAttention
    DeformableDetrDecoder DeformableDetrDecoderLayer DeformableDetrEncoder DeformableDetrEncoderLayer
    DeformableDetrMultiscaleDeformableAttention DeformableDetrSelfAttention
    RTDetrDecoder RTDetrDecoderLayer RTDetrHybridEncoder RTDetrMultiscaleDeformableAttention RTDetrSelfAttention
    RTDetrConvEncoder RTDetrV2Decoder RTDetrV2DecoderLayer RTDetrV2HybridEncoder RTDetrV2MultiscaleDeformableAttention
    RTDetrV2SelfAttention RTDetrV2ConvEncoder DFineDecoder DFineDecoderLayer DFineHybridEncoder
    DFineMultiscaleDeformableAttention DFineSelfAttention DFineConvEncoder DFineMLP
    DbrxNormAttentionNorm DebertaAttention DebertaEncoder DebertaLayer
    DebertaV2Attention DebertaV2Encoder DebertaV2Layer DecoderLayer DeepseekV32Indexer DetrCrossAttention DetrDecoder
    DetrDecoderLayer DetrEncoder DetrEncoderLayer DetrSelfAttention DisentangledSelfAttention EncoderLayer
    FalconH1DecoderLayer FunnelDecoder FunnelEncoder FunnelLayer FunnelRelMultiheadAttention LEDEncoderAttention
    LEDEncoderLayer LEDEncoderSelfAttention Lfm2DecoderLayer Lfm2ShortConv LongT5Block LongT5LayerLocalSelfAttention
    LongT5LocalAttention LongformerAttention LongformerEncoder LongformerLayer LongformerSelfAttention
    MobileBertAttention MobileBertSelfAttention MultiHeadAttention PatchTSMixerBlock PatchTSTAttention
    PatchTSTEncoderLayer PatchTSTPredictionHead ReformerAttention ReformerEmbeddings ReformerEncoder
    ReformerFeedForwardDense ReformerFeedForwardOutput ReformerLayer ReformerSelfOutput RoFormerAttention
    RoFormerEncoder RoFormerLayer RoFormerSelfAttention RwkvBlock RwkvFeedForward RwkvSelfAttention SeparableConv1D
    T5GemmaDecoderLayer T5GemmaEncoderLayer TimesFm2_5Attention TimesFmAttention TimesFmDecoderLayer TimesFmMLP
    TableTransformerAttention TableTransformerDecoder TableTransformerDecoderLayer TableTransformerEncoder
    TableTransformerEncoderLayer UMT5Attention UMT5LayerCrossAttention XLNetLayer XLNetRelativeAttention Zamba2Attention
    Zamba2AttentionDecoderLayer Zamba2HybridLayer Zamba2MLP Zamba2MambaDecoderLayer
    """,
    "its arguments have the names that relatives of it have; they are taken by place": """
    EomtLayerNorm2d EomtDinov3LayerNorm2d
    BartScaledWordEmbedding BitMaxPool2d BlenderbotScaledWordEmbedding DebertaLayerNorm FalconMLP Glm4MLP GlmMLP GptOssExperts
    GraniteMoeHybridMLP RegNetConvLayer RegNetShortCut RegNetEncoder RegNetStage
    ResNetConvLayer ResNetShortCut ResNetEncoder RTDetrResNetConvLayer RTDetrResNetShortCut RTDetrResNetEncoder
    GraniteMoeHybridMoE GraniteMoeMoE
    Llama4TextL2Norm Llama4TextRMSNorm MBartScaledWordEmbedding
    MiniMaxM2TopKRouter Phi3MLP PhiMLP Starcoder2MLP
    """,
    "the states are the same, in another form, or differ at padding, which sees nothing": """
    SamAttention SamTwoWayAttentionBlock SamTwoWayTransformer SamVisionAttention
    Sam2Attention Sam2TwoWayAttentionBlock Sam2TwoWayTransformer
    SamHQAttention SamHQTwoWayAttentionBlock SamHQTwoWayTransformer SamHQVisionAttention
    Bottleneck ConvBertAttention DPTViTEmbeddings EsmRotaryEmbedding GPTNeoAttention
    VJEPA2PatchEmbeddings3D VJEPA2Encoder VJEPA2Layer VJEPA2RopeAttention VJEPA2PoolerCrossAttention
    VJEPA2PoolerSelfAttentionLayer VJEPA2PoolerCrossAttentionLayer
    TimesformerPatchEmbeddings TimesformerLayer TimesformerEncoder
    PvtV2BlockLayer PvtV2Encoder PvtV2EncoderLayer PvtV2SelfAttention
    ConvNextEncoder ConvNextV2Encoder Dinov2Encoder Dinov2WithRegistersEncoder SwinEmbeddings SwinEncoder SwinLayer
    Data2VecVisionAttention Data2VecVisionEmbeddings Data2VecVisionEncoder Data2VecVisionLayer
    Data2VecVisionPatchEmbeddings Data2VecVisionRelativePositionBias Data2VecVisionSdpaSelfAttention
    Data2VecVisionSelfOutput
    EfficientNetEncoder PoolFormerEncoder PoolFormerLayer
    SwinAttention SwinPatchEmbeddings SwinPatchMerging SwinRelativePositionBias SwinStage
    Swinv2Embeddings Swinv2Encoder Swinv2Layer Swinv2Attention Swinv2SelfAttention Swinv2SelfOutput
    Swinv2Intermediate Swinv2PatchEmbeddings Swinv2PatchMerging Swinv2Stage
    Swin2SREmbeddings Swin2SREncoder Swin2SRLayer Swin2SRAttention Swin2SRSelfAttention Swin2SRSelfOutput Swin2SRIntermediate
    Swin2SRPatchEmbeddings Swin2SRStage
    DepthProImageEncoder DepthProEncoder BitEncoder MobileViTEncoder MobileViTOutput
    FocalNetEncoder FocalNetStage FocalNetLayer FocalNetEmbeddings FocalNetPatchEmbeddings
    HieraDecoder HieraEmbeddings HieraEncoder HieraLayer HieraMultiScaleHead HieraPatchEmbeddings
    HieraMaskUnitAttention HieraStage MobileViTV2Encoder VitDetAttention VitDetEncoder VitDetLayer
    HGNetV2Encoder DINOv3ViTEncoder DINOv3ConvNextEncoder
    GPTNeoBlock GPTNeoSelfAttention InformerProbSparseAttention LEDDecoderAttention LEDDecoderLayer LSHSelfAttention
    LocalSelfAttention  Qwen3_5TextRotaryEmbedding UMT5Block
    UMT5LayerSelfAttention
    """,
    "routers and experts hand each other other numbers, such as shares in place of logits": """
    DbrxExpertGLU DbrxExperts DbrxRouter DeepseekV2TopkRouter GptOssMLP JetMoeAttention JetMoeParallelExperts
    JetMoeTopKGating Llama4Router Llama4TextExperts Llama4TextMoe NllbMoeDecoderLayer NllbMoeEncoderLayer
    NllbMoeExperts NllbMoeSparseMLP NllbMoeTop2Router SwitchTransformersExperts
    """,
    "published parts also pass on the first states, and tables of positions go as a whole": """
    InterpolateMidPositionEmbeddings YolosAttention YolosEncoder YolosOutput YolosSelfOutput
    DPTViTAttention DPTViTEncoder DPTViTOutput DPTViTSelfOutput
    VideoMAEOutput VideoMAESelfOutput
    """,
    "they take what the whole call is asked to give, which the model records": """
    GLPNAttention GLPNEfficientSelfAttention GLPNEncoder GLPNLayer SegformerAttention SegformerLayer SegformerStage
    SuperPointEncoder LevitEncoder SwiftFormerEncoder CvtEncoder
    TimesformerSelfAttention TimeSformerAttention VideoMAEAttention VideoMAEEncoder
    """,
    "a plain holder of modules here": """
    ConditionalDetrConvEncoder DeformableDetrConvEncoder DetrConvEncoder TableTransformerConvModel
    LegacyDebertaOnlyMLMHead LegacyDebertaV2OnlyMLMHead XLMPredLayer
    """,
}


def _by_name(reasons: dict[str, str]) -> dict[str, str]:
    return {name: reason for reason, names in reasons.items() for name in names.split()}


# Class -> why there is nothing at its path.
ABSENT = _by_name(_ABSENT)
# Class -> why it is called otherwise, or answers in another form. What is mended goes from here: a test looks.
OTHERWISE = _by_name(_OTHERWISE)
