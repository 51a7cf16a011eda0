"""A small company's documents, what can be asked of them, and what cannot."""

DOCUMENTS = {
    "leave-policy.md": """# Leave policy

## Annual leave

Every full-time employee is entitled to 25 days of paid annual leave per calendar year. Part-time employees receive a
proportional share. Up to five unused days may be carried over until 31 March of the following year; after that date
they lapse. Leave of more than ten consecutive days must be approved by the head of department.

## Sick leave

A medical certificate is required from the fourth day of illness. Sick pay is granted at full salary for six weeks and
at 70 percent for another ten weeks. Employees report sick to their supervisor before 9 a.m. on the first day.

## Parental leave

Both parents may take up to 14 months of parental leave, to be announced seven weeks before it begins. The position is
kept open during this time.
""",
    "expenses.txt": """TRAVEL AND EXPENSES

Trips are booked through the travel desk. Train journeys of less than four hours are made by train rather than by air.
Second class is the rule on trains; first class is allowed for journeys above three hours. Business class flights need
the written consent of the chief financial officer.

Hotel rooms are reimbursed up to 140 euros a night, in London, Paris and Zurich up to 220 euros. Breakfast is included
in this amount. The daily meal allowance is 28 euros. Mileage for private cars is paid at 0.38 euros a kilometre.

Receipts must be submitted within 30 days after the end of the trip. Claims without receipts are rejected. Reimbursement
is transferred with the next salary.
""",
    "security.html": """<html><head><title>Information security</title>
<script>var secretPlan = "moon base";</script></head>
<body><h1>Information security</h1>
<h2>Passwords</h2><p>Passwords have at least 14 characters and are kept in the company's password manager.
Reusing a password for two systems is forbidden. Multi-factor authentication is mandatory for remote access.</p>
<h2>Devices</h2><p>Laptops are encrypted with full-disk encryption. A lost or stolen laptop must be reported to the
service desk within two hours. Private USB sticks may not be connected.</p>
<h2>Incidents</h2><p>Phishing mails are forwarded to the address phishing@example.com. Security incidents are
classified into four severities; incidents of severity one are escalated to the crisis team at once.</p>
<h2>Backups</h2><p>Databases are backed up every night, and backups are retained for 90 days. A restore is rehearsed
twice a year.</p></body></html>""",
    "model-card.md": """# Model card: credit default

The model predicts whether a loan applicant will default within twelve months. It was trained on 84,000 applications
from 2019 to 2023. Gradient boosting was chosen over logistic regression because its area under the curve was 0.81
against 0.77.

## Fairness

Disparate impact between women and men is 0.93, above the minimum of 0.80. Applicants younger than 25 are approved less
often: their disparate impact is 0.84. The model is reviewed every quarter by the model risk committee.

## Limitations

The model must not be used for business loans. Its calibration degrades for incomes above 250,000 euros. Applications
without an employment history are decided by a human underwriter.
""",
    "onboarding.txt": """Welcome to the team!

On your first day you receive a badge, a laptop and a locker at the reception of building C. The canteen opens from
11:30 to 14:00; lunch is subsidised with four euros a day. Parking spaces are assigned by facility management, and
bicycles may be left in the basement garage.

Your mentor introduces you to your colleagues. The probation period lasts six months, during which either side may
terminate the contract with two weeks' notice. Salaries are paid on the 27th of each month.
""",
    "retention.md": """# Data retention

Customer contracts are kept for ten years after their end, as the commercial code demands. Application documents of
rejected candidates are deleted after six months. Video recordings of the entrance area are overwritten after 72 hours.

Requests for erasure are answered within one month by the data protection officer, Dr. Ilse Brandt. Pseudonymised
usage logs are kept for 13 months.
""",
}

ANSWERED = {
    "How many days of annual leave does a full-time employee get?": "25 days of paid annual leave",
    "When do unused leave days lapse?": "until 31 March",
    "From which day of illness is a medical certificate required?": "from the fourth day of illness",
    "How long may parents take parental leave?": "up to 14 months of parental leave",
    "Who must approve leave of more than ten consecutive days?": "head of department",
    "Who must consent to business class flights?": "chief financial officer",
    "Up to how many euros are hotel rooms reimbursed in Zurich?": "220 euros",
    "What is the daily meal allowance?": "28 euros",
    "What is paid per kilometre for private cars?": "0.38 euros",
    "Within how many days must receipts be submitted?": "within 30 days",
    "How many characters must passwords have?": "at least 14 characters",
    "Where are phishing mails forwarded to?": "phishing@example.com",
    "What must I do about a stolen laptop?": "within two hours",
    "How long are backups retained?": "90 days",
    "How often is a restore rehearsed?": "twice a year",
    "What does the credit default model predict?": "will default within twelve months",
    "What is the disparate impact between women and men?": "0.93",
    "May the model be used for business loans?": "must not be used for business loans",
    "Who reviews the model every quarter?": "model risk committee",
    "When does the canteen open?": "11:30",
    "How long does the probation period last?": "six months",
    "On which day of the month are salaries paid?": "27th of each month",
    "When are video recordings overwritten?": "72 hours",
    "Who is the data protection officer?": "Dr. Ilse Brandt",
    "How long are customer contracts kept?": "ten years",
    "Is multi-factor authentication mandatory?": "mandatory for remote access",
    "Where are bicycles left?": "basement garage",
    "What happens to applications of rejected candidates?": "deleted after six months",
}
"""Questions with words that stand in the answer."""

UNANSWERED = [
    "What is the capital of France?",
    "How do I bake a chocolate cake?",
    "Who won the 2018 football world cup?",
    "Explain quantum chromodynamics.",
    "What is the boiling point of water?",
    "How tall is Mount Everest?",
    "What is the meaning of life?",
    "Who wrote Hamlet?",
    "What is the weather tomorrow in Berlin?",
    "How do I install Kubernetes?",
    "When did the Roman empire fall?",
    "Which vitamins are in broccoli?",
    "What is our revenue in the third quarter?",
    "Who is the chief executive officer's spouse?",
    "How many moons does Jupiter have?",
    "What is the plan for the moon base?",
    "Can I bring my dog to the office?",
    "What is the dress code?",
    "How is the stock option plan taxed?",
    "Which vendors supply our coffee machines?",
    "What does the fox say?",
    "How do penguins keep warm?",
    "Translate good morning into Japanese.",
    "What is the square root of two?",
    "Is there a gym?",
    "Who founded the company?",
    "When is the summer party?",
    "What was the inflation rate last year?",
    "How do vaccines work?",
    "Which airline has the best food?",
]
"""Questions that none of the documents answers."""
