"""The modules of the Time Series Transformer. Parameter names are the published ones."""

from ...modeling.heads.series_prediction import SeriesPrediction
from ...modeling.seq2seq_layers import Seq2SeqLayer
from ...modeling.series import SeriesDecoder, SeriesEncoder, SeriesModel, SeriesPreTrainedModel
from . import TimeSeriesTransformerConfig


class TimeSeriesTransformerEncoderLayer(Seq2SeqLayer):
    """norm(x + attention(x)), then norm(x + mlp(x))."""


class TimeSeriesTransformerDecoderLayer(Seq2SeqLayer):
    """The same with attention to the encoder's output in between."""

    is_decoder = True


class TimeSeriesTransformerPreTrainedModel(SeriesPreTrainedModel):
    """What all classes of the Time Series Transformer share."""

    config_class = TimeSeriesTransformerConfig
    _no_split_modules = ["TimeSeriesTransformerEncoderLayer", "TimeSeriesTransformerDecoderLayer"]


class TimeSeriesTransformerEncoder(SeriesEncoder, TimeSeriesTransformerPreTrainedModel):
    """The encoder."""

    layer_class = TimeSeriesTransformerEncoderLayer


class TimeSeriesTransformerDecoder(SeriesDecoder, TimeSeriesTransformerPreTrainedModel):
    """The decoder."""

    layer_class = TimeSeriesTransformerDecoderLayer


class TimeSeriesTransformerModel(SeriesModel, TimeSeriesTransformerPreTrainedModel):
    """Encoder and decoder without a head."""

    encoder_class, decoder_class = TimeSeriesTransformerEncoder, TimeSeriesTransformerDecoder


class TimeSeriesTransformerForPrediction(SeriesPrediction, TimeSeriesTransformerPreTrainedModel):
    """The Time Series Transformer that tells how each series goes on."""

    backbone_class = TimeSeriesTransformerModel
