using System.Diagnostics;

namespace Medic.Targets;

/// <summary>Nothing is wrong: a fifth of a core, objects that die young, a few gen0 collections a second.</summary>
sealed class Healthy : Mode
{
    public override void Start() => Run("worker", () =>
    {
        for (; ; )
        {
            var until = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 500; // 2 ms of work, 8 ms of rest
            while (Stopwatch.GetTimestamp() < until)
                GC.KeepAlive(Price(100));
            Done();
            Thread.Sleep(8);
        }
    });

    private static string Price(int cents)
    {
        var terms = new double[1000];
        for (var i = 0; i < 8 * terms.Length; i++)
            terms[i % terms.Length] += Math.Sqrt(cents * i);
        return terms.Sum().ToString("F2");
    }
}

/// <summary>Does nothing at all.</summary>
sealed class Idle : Mode
{
    public override void Start() { }
    public override void WarmUp() { }
}
