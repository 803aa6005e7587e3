//! What does not fit.

use super::*;

/// Asserts that a layer refuses with this message, at the line that calls it.
macro_rules! refuses {
    ($($layer:expr, $shape:expr => $message:expr;)*) => { $( {
        let (layer, tape) = ($layer, Tape::<f64>::new());
        let x = tape.constant(Tensor::zeros($shape));
        let panic = panic_of(|| layer.forward(x));
        assert_eq!(panic.message, $message);
        assert_eq!(panic.file, file!(), "{}", $message);
    } )* };
}

#[test]
fn layers_refuse_what_does_not_fit_at_the_line_that_calls_them() {
    let r = &mut rng(0);
    refuses! {
        Linear::init(3, 2, r), [2, 4] => "Linear: input [2, 4], expected […, 3]";
        Linear::init(3, 2, r), [0; 0] => "Linear: input [], expected […, 3]";
        BatchNorm1d::init(3), [2, 4] => "BatchNorm1d: input [2, 4], expected [batch, 3] with 1 more axes or none";
        BatchNorm2d::init(3), [2, 3, 4] => "BatchNorm2d: input [2, 3, 4], expected [batch, 3] with 2 more axes";
        BatchNorm1d::init(3), [1, 3] => "BatchNorm1d: input [1, 3] has one value per channel, whose variance would be 0";
        BatchNorm2d::init(3), [1, 3, 1, 1] => "BatchNorm2d: input [1, 3, 1, 1] has one value per channel, whose variance would be 0";
        LayerNorm::init([2, 3]), [4, 3] => "LayerNorm: input [4, 3] does not end in [2, 3]";
        RmsNorm::init([3]), [3, 4] => "RmsNorm: input [3, 4] does not end in [3]";
        GroupNorm::init(2, 4), [2, 3] => "GroupNorm: input [2, 3], expected [batch, 4, …]";
        InstanceNorm1d::init(2), [3, 5] => "InstanceNorm1d: input [3, 5], expected [batch, 2] or [2] with 1 more axes";
        InstanceNorm1d::init(2), [3, 2, 1] => "InstanceNorm1d: input [3, 2, 1] has one value per channel, whose variance would be 0";
        PRelu::init(3), [2, 4] => "PRelu: input [2, 4], expected [batch, 3, …]";
        Glu::default(), [2, 3] => "Glu: axis -1 of [2, 3] has odd size";
        Flatten { start: 2, end: 1 }, [2, 3, 4] => "Flatten: axis 2 of [2, 3, 4] lies behind axis 1";
        Flatten::default(), [3] => "Flatten: axis 1 is out of range for rank 1";
        Dropout::init(0.5, r).whole_channels(), [3] => "Dropout: [3] has no channels, which are its second axis";
        Conv2d::init(3, 2, 2, Conv::new(), r), [1, 2, 4, 4] =>
            "conv2d: input [1, 2, 4, 4], weight [2, 3, 2, 2] with Conv { stride: 1, padding: Valid, dilation: 1, groups: 1, \
             output_padding: 0 }: 2 channels for 1 groups of the 3 that the weight takes";
        Residual::new(Linear::init(3, 2, r)), [4, 3] => "Residual: [4, 2] by the module and [4, 3] around it";
        SinusoidalPositions::init(4, 3), [5, 3] =>
            "SinusoidalPositions: input [5, 3] from position 0, expected […, length, 3] that ends by 4";
        Rotary::init(4, 2, Pairing::Halves), [3, 4] =>
            "Rotary: input [3, 4] from position 0, expected […, length, 2] that ends by 4";
        TransformerEncoderLayer::init(4, 2, 3, r), [2, 3] =>
            "MultiheadAttention: queries [2, 3], keys [2, 3] and values [2, 3], expected [batch, queries, 4], [batch, keys, 4] and \
             [batch, keys, 4], or all without batch";
    }
}

#[test]
fn recurrent_layers_and_attention_refuse_what_does_not_fit() {
    let (r, tape) = (&mut rng(0), Tape::<f64>::new());
    let zeros = |shape: &[usize]| tape.constant(Tensor::zeros(shape));
    let refusals = [
        panic_of(|| Lstm::init(3, 2, Recurrent::new(), &mut rng(0)).forward(zeros(&[5, 4]), None)),
        panic_of(|| Gru::init(3, 2, Recurrent::new().batch_first(), &mut rng(0)).forward(zeros(&[1, 5, 4]), None)),
        panic_of(|| Rnn::init(3, 2, Recurrent::new(), &mut rng(0)).forward(zeros(&[0, 4, 3]), None)),
        panic_of(|| Gru::init(3, 2, Recurrent::new(), &mut rng(0)).forward(zeros(&[5, 4, 3]), Some(zeros(&[1, 3, 2])))),
        panic_of(|| Gru::init(3, 2, Recurrent::new(), &mut rng(0)).forward(zeros(&[5, 3]), Some(zeros(&[1, 1, 2])))),
        panic_of(|| Rnn::<f64>::new(Vec::new(), Recurrent::new())),
        panic_of(|| {
            let gates = Gates::<f64>::new(Tensor::zeros([8, 3]), Tensor::zeros([6, 2]), None);
            Lstm::new(vec![gates], Recurrent::new().without_biases())
        }),
        panic_of(|| {
            let gates = Gates::<f64>::new(Tensor::zeros([2, 3]), Tensor::zeros([2, 2]), None);
            Rnn::new(vec![gates], Recurrent::new())
        }),
        panic_of(|| attention_weights(zeros(&[2, 3]), zeros(&[2, 4]), &[])),
        panic_of(|| attention_weights(zeros(&[2, 3]), zeros(&[4, 3]), &[Mask::Blocked(&Tensor::full([2, 3], true))])),
        panic_of(|| attention_weights(zeros(&[2, 3]), zeros(&[4, 3]), &[Mask::Added(zeros(&[5, 2, 4]))])),
        panic_of(|| {
            attention_weights(zeros(&[5, 2, 3]), zeros(&[5, 4, 3]), &[Mask::Padding(&Tensor::full([2, 4], true))])
        }),
        panic_of(|| MultiheadAttention::<f64>::init(4, 3, &mut rng(0))),
        panic_of(|| Embedding::<f64>::init(4, 3, &mut rng(0)).padding(4)),
        panic_of(|| Embedding::init(4, 3, &mut rng(0)).forward(&tape, &tensor![1_usize, 4])),
        panic_of(|| Dropout::init(1.5, &mut rng(0))),
        panic_of(|| GroupNorm::<f64>::init(2, 3)),
        panic_of(|| Conv2d::<f64>::init(3, 4, 2, Conv::new().groups(2), &mut rng(0))),
        panic_of(|| Conv2d::<f64>::init(2, 4, [1, 2, 3], Conv::new(), &mut rng(0))),
        panic_of(|| Conv1d::<f64>::new(Tensor::zeros([2, 3]), Tensor::zeros([2]), Conv::new())),
        panic_of(|| ConvTranspose1d::<f64>::new(Tensor::zeros([2, 3, 1]), Tensor::zeros([2]), Conv::new())),
        panic_of(|| Rotary::<f64>::init(2, 3, Pairing::Halves)),
    ];
    let messages = [
        "Lstm: input [5, 4], expected [time, batch, 3] or [time, 3]",
        "Gru: input [1, 5, 4], expected [batch, time, 3] or [time, 3]",
        "Rnn: input [0, 4, 3] has no step in time",
        "Gru: state [1, 3, 2], expected [1, 4, 2]",
        "Gru: state [1, 1, 2], expected [1, 2]",
        "Rnn: 0 sets of weights, expected 1",
        "Lstm: weights [8, 3] and [6, 2], expected [8, 3] and [8, 2]",
        "Rnn: bias None, expected Some([2])",
        "attention: queries [2, 3] and keys [2, 4], expected […, queries, size] and […, keys, size]",
        "attention: a mask [2, 3] does not broadcast to the scores [2, 4]",
        "attention: a mask [5, 2, 4] does not broadcast to the scores [2, 4]",
        "attention: padding [2, 4] for scores [5, 2, 4], expected [batch, keys] or [keys]",
        "MultiheadAttention: 3 heads do not divide size 4",
        "Embedding: padding index 4 of 4 rows",
        "index_select: index 4 is outside axis 0 of [4, 3]",
        "Dropout: a rate of 1.5 is not within 0 and 1",
        "GroupNorm: 3 channels in 2 groups",
        "Conv2d: 3 inputs and 4 outputs in 2 groups",
        "Conv2d: a kernel of size [1, 2, 3] for 2 axes",
        "Conv1d: weight [2, 3] and bias [2] in 1 groups, expected [outputs, inputs / groups, 1 more] and [outputs]",
        "ConvTranspose1d: weight [2, 3, 1] and bias [2] in 1 groups, expected [inputs, outputs / groups, 1 more] and [outputs]",
        "Rotary: 3 numbers are not made of pairs",
    ];
    let _ = r;
    assert_eq!(refusals.len(), messages.len());
    for (refusal, message) in refusals.iter().zip(messages) {
        assert_eq!(refusal.message, message);
        assert_eq!(refusal.file, file!(), "{message}");
    }
}
