using System.Diagnostics;

namespace Medic.Targets;

/// <summary>
/// `mix [MB/s]`: objects of known types, sizes and places. The command `mix MB` allocates so much (whole rounds, see Mint.cs) at
/// this rate (default 100; 0: as fast as it can) and answers with one line of JSON: what it was. `mix storm N`: N threads
/// allocate without a pause. `mix pace MB/s`: one thread allocates at this rate, and work counts kB.
/// </summary>
sealed class Mix(string[] arguments) : Mode
{
    private readonly int _storm = arguments is ["storm", var n] ? int.Parse(n) : 0;
    private readonly double _pace = arguments is ["pace", var pace] ? double.Parse(pace) : 0;
    private readonly double _rate = arguments is [var rate] ? double.Parse(rate) : 100;

    public override void Start()
    {
        for (var i = 0; i < _storm; i++)
            Run($"storm {i}", () => { for (; ; Done()) Minting.Press.Round(); });
        if (_pace > 0)
            Run("pace", Pace);
    }

    public override void WarmUp()
    {
        if (_storm > 0 || _pace > 0)
            base.WarmUp();
        Minting.Press.Round();
    }

    public override void Command(string line)
    {
        if (line.Split(' ') is ["mix", var megabytes])
            Console.WriteLine(Allocate((long)(double.Parse(megabytes) * 1e6 / Minting.Press.RoundBytes)));
        else
            base.Command(line);
    }

    /// <summary>What it is late it makes good, but no more than a tenth of a second.</summary>
    private void Pace()
    {
        var step = Minting.Press.RoundBytes / _pace / 1e6 * Stopwatch.Frequency;
        for (double due = Stopwatch.GetTimestamp(); ; due = Math.Max(due + step, Stopwatch.GetTimestamp() - Stopwatch.Frequency / 10))
        {
            while (Stopwatch.GetTimestamp() < due)
                Thread.Sleep(1);
            Minting.Press.Round();
            Done(Minting.Press.RoundBytes / 1000);
        }
    }

    private string Allocate(long rounds)
    {
        var thread = GC.GetAllocatedBytesForCurrentThread();
        var gen0 = GC.CollectionCount(0);
        var begin = Stopwatch.GetTimestamp();
        for (long i = 0; i < rounds; i++)
        {
            Minting.Press.Round();
            while (_rate > 0 && Stopwatch.GetElapsedTime(begin).TotalSeconds < (i + 1) * Minting.Press.RoundBytes / _rate / 1e6)
                Thread.Sleep(1);
        }
        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        thread = GC.GetAllocatedBytesForCurrentThread() - thread;
        gen0 = GC.CollectionCount(0) - gen0;
        var parts = Minting.Press.Parts.Select(p =>
            $$"""{"type":{{Json.Text(p.Type)}},"site":{{Json.Text(p.Site)}},"count":{{rounds * p.Count}},"bytes":{{rounds * p.Count * p.Bytes}},"kind":{{Json.Text(p.Kind)}}}""");
        return FormattableString.Invariant(
            $"{{\"seconds\":{seconds},\"bytes\":{rounds * Minting.Press.RoundBytes},\"threadBytes\":{thread},\"gen0\":{gen0},\"parts\":[{string.Join(',', parts)}]}}");
    }
}
