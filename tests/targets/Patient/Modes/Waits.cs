namespace Medic.Targets;

/// <summary>
/// `waits [storm N | lounge N]`: locks (Ferry.cs) that are waited for in known numbers and for known times. Each wait is forced: the holder
/// lets go when the other thread sleeps. The commands answer with one line of JSON:
///     wait N MS    each lock N times, for MS to four times as many milliseconds, or a little more
///     hold N MS    the same, only those that are locks in the sense of the runtime, and never held by who has waited
///     prime        one wait for a lock that stands in no account
///     count        no JSON, but Monitor.LockContentionCount
/// With storm N threads fight for a few locks without a pause; with lounge, for a SemaphoreSlim that has room for all of them.
/// </summary>
sealed class Waits(string[] arguments) : Mode
{
    private readonly int _storm = arguments is ["storm" or "lounge", var n] ? int.Parse(n) : 0;
    private readonly bool _lounge = arguments is ["lounge", _];

    public override void Start()
    {
        for (var i = 0; i < _storm; i++)
            Run($"storm {i}", Storm);
    }

    public override void WarmUp()
    {
        if (_storm > 0)
            base.WarmUp();
    }

    public override void Command(string line)
    {
        switch (line.Split(' '))
        {
            case ["wait", var n, var ms]: Account(Ferry.Pier.All, int.Parse(n), int.Parse(ms), relay: true); break;
            case ["hold", var n, var ms]: Account(Ferry.Pier.All.Where(p => !p.IsHandle), int.Parse(n), int.Parse(ms), relay: false); break;
            case ["prime"]: Ferry.Pier.Prime.Meet(1, 1); Console.WriteLine("done"); break;
            case ["count"]: Console.WriteLine(Monitor.LockContentionCount); break;
            default: base.Command(line); break;
        }
    }

    private static void Account(IEnumerable<Ferry.Pier> piers, int count, int milliseconds, bool relay)
    {
        var before = Monitor.LockContentionCount;
        var locks = string.Join(',', piers.Select(pier => pier.Meet(count, milliseconds)));
        var helm = relay ? Ferry.Helm.Steer(count, milliseconds) : "null";
        Console.WriteLine($"{{\"contentions\":{Monitor.LockContentionCount - before},\"locks\":[{locks}],\"relay\":{helm}}}");
    }

    private void Storm()
    {
        for (var i = 0; ; i++)
        {
            if (_lounge)
                Ferry.Lounge.Sit();
            else
                Ferry.Dock.Board(i % 3);
            Done();
        }
    }
}
