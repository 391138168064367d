using System.Diagnostics;

namespace Medic.Targets;

/// <summary>
/// `mix [MB/s]`: objects of known types, sizes and places. The command `mix MB` allocates so much (whole rounds, see Mint.cs) at
/// this rate (default 100; 0: as fast as it can) and answers with one line of JSON: what it was. `mix storm N`: N threads
/// allocate without a pause. `mix collect N`: and one calls GC.Collect without a pause.
/// </summary>
sealed class Mix(string[] arguments) : Mode
{
    private readonly int _storm = arguments is ["storm" or "collect", var n] ? int.Parse(n) : 0;
    private readonly bool _collects = arguments is ["collect", _];
    private readonly double _rate = arguments is [var rate] ? double.Parse(rate) : 100;

    public override void Start()
    {
        for (var i = 0; i < _storm; i++)
            Run($"storm {i}", () => { for (; ; Done()) Minting.Press.Round(); });
        if (_collects)
            Run("collector", () => { for (; ; InducedOne()) GC.Collect(); });
    }

    public override void WarmUp()
    {
        if (_storm > 0)
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
