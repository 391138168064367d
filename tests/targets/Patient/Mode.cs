namespace Medic.Targets;

/// <summary>One illness. Workers are threads that count what they do and are never joined: the process ends.</summary>
abstract class Mode
{
    private long _work;
    private long _induced;

    public long Work => Volatile.Read(ref _work);
    public long Induced => Volatile.Read(ref _induced);
    public virtual string ReadySuffix => "";

    public abstract void Start();

    /// <summary>Returns when the mode is in its stride: by default after 20 units of work.</summary>
    public virtual void WarmUp() => SpinWait.SpinUntil(() => Work >= 20, TimeSpan.FromSeconds(20));

    /// <summary>A line of standard input other than stats and quit.</summary>
    public virtual void Command(string line) => Console.WriteLine("unknown command");

    protected void Done(long units = 1) => Interlocked.Add(ref _work, units);

    protected void InducedOne() => Interlocked.Increment(ref _induced);

    protected static Thread Run(string name, ThreadStart body)
    {
        var thread = new Thread(body) { Name = name, IsBackground = true };
        thread.Start();
        return thread;
    }
}
